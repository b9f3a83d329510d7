"""Spaces and networks as plain, validated data, and counts from them; imports no framework."""
