"""Models of latency, fitted to measurements."""
