"""The hand: a posable mesh, its anatomy, its parts and its anchors."""
