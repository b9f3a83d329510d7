"""Draws charts and networks as SVG."""
