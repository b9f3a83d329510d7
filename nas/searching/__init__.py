"""The search: given a data set and latencies, finds a child network."""
