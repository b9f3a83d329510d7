"""Weights that others have published, and a network that begins with those of another one."""
