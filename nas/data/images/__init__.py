"""Decodes images to arrays of one size and changes them at random."""
