"""From a Keras network to `.tflite` bytes."""
