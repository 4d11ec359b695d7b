"""Video -> timeline: a row a face for each moment that is scored, and a number for each person."""
