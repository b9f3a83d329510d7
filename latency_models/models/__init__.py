"""Latency models, which are fitted to measurements."""
