"""What stands before the camera: two arms, their sleeves, and things that they hold."""
