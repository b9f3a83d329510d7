"""Running `.tflite` files, and comparing them with the Keras network they were made from."""
