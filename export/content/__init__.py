"""The content of a `.tflite` file: its operators, its metadata, and its shipped form."""
