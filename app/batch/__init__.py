"""What the batch page is made of."""
