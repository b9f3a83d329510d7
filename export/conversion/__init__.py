"""Converts a Keras network to `.tflite` bytes."""
