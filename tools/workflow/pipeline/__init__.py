"""The stages of `tools.pipeline`: their settings, their plan, their order and what they record."""
