"""Runs `.tflite` files and compares them with the Keras network they were made from."""
