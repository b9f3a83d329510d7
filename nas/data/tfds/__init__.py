"""Data sets of TensorFlow Datasets (TFDS)."""
