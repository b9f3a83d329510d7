"""One search, from a data set and latencies to a child network."""
