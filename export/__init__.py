"""Keras child networks as `.tflite` files: recipes, conversion, and proof of what they compute."""
