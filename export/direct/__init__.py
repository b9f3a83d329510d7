"""Writes `.tflite` files of untrained networks from their specs, without Keras and TensorFlow.

A network that is only timed has random weights, and its operators follow from its specs. Writing
them takes milliseconds, where tracing and converting a Keras network takes seconds.
"""
