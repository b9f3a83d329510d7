"""The over-parameterized network: its weights, the routes through it, and its training steps."""
