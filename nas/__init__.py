"""Search spaces, supernet, gates, search algorithms, child networks, data and training."""
