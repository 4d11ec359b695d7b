"""What the page of photos is made of."""
