"""The over-parameterized network: its weights, its routes, its two training steps."""
