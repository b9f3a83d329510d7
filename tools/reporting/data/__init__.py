"""Reads a work dir into plain data."""
