"""Training and evaluation: augmentation, losses, one loop, predictions."""
