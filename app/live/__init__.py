"""What the page of the camera is made of."""
