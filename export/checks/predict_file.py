"""Computes the logits of a file with the runtime of this Python environment.

    python -m export.checks.predict_file [MODEL.tflite IMAGES.npy LOGITS.npy]

Prints the runtime's name and version. `export.checks.other_runtime` calls it in other environments,
which need only a runtime and numpy.
"""

import sys

import numpy as np

from export.checks import interpreter


def main() -> int:
    """Reads images and a file, writes logits; if the file fails, prints one line and returns 1."""
    print(interpreter.runtime(), flush=True)
    if len(sys.argv) == 1:
        return 0
    model, images, logits = sys.argv[1:]
    with open(model, "rb") as file:
        content = file.read()
    try:
        predicted = interpreter.predict(content, np.load(images))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    np.save(logits, predicted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
