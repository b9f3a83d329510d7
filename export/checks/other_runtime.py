"""Checks that a file runs, with the same results, in the runtime of another Python environment.

Devices in use have older runtimes than the one installed here. The oldest runtime that the
converter notes in a file is only derived from tables, so this module really runs the file.
"""

import dataclasses
import os
import pathlib
import subprocess
import tempfile

import numpy as np

from export.checks import interpreter, parity_record
from nas import files, reading
from nas.file_kinds import TFLITE


@dataclasses.dataclass(frozen=True)
class Check:
    """Result of running one file in one runtime.

    Attributes:
        runtime: name and version of the runtime.
        loads: whether the runtime could run the file.
        reason: the runtime's error message if it could not; otherwise empty.
        top1_agreement: share of images with the same top-1 class as here; None if it did not run.
        max_abs_difference: largest difference of any logit from those computed here, likewise.
    """

    runtime: str
    loads: bool
    reason: str = ""
    top1_agreement: float | None = None
    max_abs_difference: float | None = None

    @property
    def summary(self) -> str:
        """The result in one line for the user."""
        if self.top1_agreement is None:
            return f"does not load ({self.reason})"
        return f"the same top-1 on {self.top1_agreement:.1%} of the images"


def record(
    python: files.Path, model: files.Path, comparison: files.Path, images: np.ndarray
) -> Check:
    """Runs a file in another environment and here, and adds the outcome to its comparison.

    Args:
        python: as for `check`.
        model: the `.tflite` file.
        comparison: its `parity_<recipe>.json`; gets an entry in `other_runtimes`, by runtime.
        images: as for `check`.

    Raises:
        ValueError: as for `check`, or a damaged file.
    """
    content = reading.content(model, TFLITE)
    known = parity_record.read_all(comparison)
    found = check(python, model, images, interpreter.predict(content, images))
    entry = {**dataclasses.asdict(found), "num_images": len(images)}
    known["other_runtimes"] = {**known.get("other_runtimes", {}), found.runtime: entry}
    files.write_json(comparison, known)
    return found


def runtime_of(python: files.Path) -> str:
    """Returns name and version of the runtime in another environment.

    Raises:
        ValueError: as for `check`.
    """
    return _run(python)[0]


def check(python: files.Path, model: files.Path, images: np.ndarray, logits: np.ndarray) -> Check:
    """Runs a file in another environment.

    Args:
        python: the environment's Python; it must have `tflite-runtime` or `ai-edge-litert`, and
            numpy.
        model: the `.tflite` file.
        images: float32 `[count, height, width, channels]` in [-1, 1].
        logits: the file's logits for these images here, `[count, classes]`.

    Raises:
        ValueError: there is no such Python, or it has no runtime.
    """
    with tempfile.TemporaryDirectory() as folder:
        given, made = pathlib.Path(folder, "images.npy"), pathlib.Path(folder, "logits.npy")
        np.save(given, images)
        runtime, fault = _run(python, str(pathlib.Path(model).resolve()), str(given), str(made))
        if fault:
            return Check(runtime, loads=False, reason=fault)
        received = np.load(made)
    return Check(
        runtime,
        loads=True,
        top1_agreement=float(np.mean(received.argmax(axis=1) == logits.argmax(axis=1))),
        max_abs_difference=float(np.abs(received - logits).max()),
    )


def _run(python: files.Path, *arguments: str) -> tuple[str, str]:
    """Returns the other runtime's name and version, and its error message or an empty text."""
    root = pathlib.Path(__file__).resolve().parents[2]
    # Not `resolve`: the Python of an environment is a link, and its path tells where packages are.
    program = os.path.abspath(python) if os.path.dirname(python) else str(python)
    try:
        done = subprocess.run(
            [program, "-m", "export.checks.predict_file", *arguments],
            # `-m` searches this folder, which holds our packages.
            cwd=root,
            capture_output=True,
            text=True,
        )
    except OSError as error:
        raise ValueError(
            f"{python}: expected a Python that can be run ({error.strerror}); check the path"
        ) from None
    name, lines = done.stdout.strip(), done.stderr.strip().splitlines()
    reason = lines[-1] if lines else f"exit code {done.returncode}"
    if not name:
        raise ValueError(
            f"{python}: expected a Python with tflite-runtime or ai-edge-litert, and numpy, "
            f"received one that fails ({reason}); install them there"
        )
    return name, reason if done.returncode else ""
