"""Exports Keras child networks as `.tflite` files: recipes, conversion, and parity checks."""
