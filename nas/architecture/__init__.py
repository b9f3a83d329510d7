"""Spaces and networks as plain, validated data, and what is counted from them; no framework."""
