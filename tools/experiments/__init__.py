"""Code shared by the commands that compare and measure."""
