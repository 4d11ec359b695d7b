"""What the page of videos is made of."""
