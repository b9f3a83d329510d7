"""The stages between a data set and a measured `.tflite`, and the work dir they share."""
