"""Charts and networks as SVG."""
