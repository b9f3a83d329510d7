"""What the commands that compare and measure have in common."""
