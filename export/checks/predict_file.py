"""Logits of a file, computed by whatever runtime this Python has.

    python -m export.checks.predict_file [MODEL.tflite IMAGES.npy LOGITS.npy]

Prints the runtime's name and version. `export.checks.other_runtime` calls it in other environments,
which need a runtime and numpy and none of our other libraries.
"""

import sys

import numpy as np

from export.checks import interpreter


def main() -> int:
    """Reads images and a file, writes logits; one line on stderr and 1 where the file fails."""
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
