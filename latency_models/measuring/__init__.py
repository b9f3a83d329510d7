"""What is timed, in which order, and the rows that come of it."""
