"""A work dir as plain data."""
