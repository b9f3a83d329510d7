"""Loads data sets by name, turns their images into arrays, and makes batches of them."""
