"""How good a latency model is on networks that it never saw."""
