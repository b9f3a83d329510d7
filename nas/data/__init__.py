"""Data sets by name: where images come from, how they become arrays, and batches of them."""
