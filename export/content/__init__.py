"""What a `.tflite` file holds: operators, metadata, the form in which it is shipped."""
