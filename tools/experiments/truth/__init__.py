"""What networks of a space are worth by many trainings, and how well searches come near to it."""
