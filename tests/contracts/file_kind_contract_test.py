"""Contract of every kind of file that a command reads: a damage is one line, and nothing more.

The damages are generated (`tests/support/damages.py`). A reader either accepts the file, if nothing
that it reads was changed to something wrong, or refuses it with a message of the form
`path: place: expected ..., received ...; what to do`.
"""

import dataclasses
import errno
import json
import os
import pathlib
import shutil
import types
from collections.abc import Callable
from typing import Any, NamedTuple

import damages
import made_workdir
import numpy as np
import pytest

import latency_models
from export.checks import parity_record
from latency_models.devices import protocol
from latency_models.measuring import measurements, parts, unmeasured
from nas import file_kinds, files, reading, schemas
from nas.architecture import spaces
from nas.data import split_record
from nas.searching import alpha_file, estimating, finalist_record, judged_networks
from nas.training import metrics_file
from tools.experiments import finished_runs
from tools.experiments.rates import first_epochs
from tools.experiments.truth import trainings
from tools.reporting.data import records
from tools.workflow.pipeline import fastest_recipe

NOTES = r"provenance(\..*)?|comment"


class Read(NamedTuple):
    """How a kind of file is read.

    Attributes:
        kind: the kind.
        name: the file, in the work dir of `whole`.
        read: reads it.
        free: pattern of places where any value may stand, since nothing reads it.
        has_lines: whether an incomplete last line is dropped.
    """

    kind: file_kinds.Kind
    name: str
    read: Callable[[pathlib.Path], Any]
    free: str = NOTES
    has_lines: bool = False


def _child(path):
    spaces.load_child(str(path))
    finished_runs.search_notes(path)


READS = [
    Read(
        file_kinds.CONFIG,
        "config.json",
        records.read_config,
        NOTES + r"|pipeline\.preset_name|pipeline\.preset\.search\.(reward|x).*|schema_version",
    ),
    Read(file_kinds.STAGES, "stages.json", records.read_stages),
    Read(file_kinds.SPACE, "space.json", lambda path: spaces.load_space(str(path)), NOTES),
    # What a search notes of itself is checked by those who read it.
    Read(file_kinds.CHILD, "child.json", _child, r"comment|provenance\.search\..*"),
    Read(file_kinds.LATENCY_MODEL, "latency_model.json", latency_models.load),
    Read(
        file_kinds.MEASUREMENTS,
        "measurements.jsonl",
        measurements.read,
        r"provenance\..*|conditions\..*",
        has_lines=True,
    ),
    Read(
        file_kinds.UNMEASURED,
        "measurements_failed.jsonl",
        lambda path: unmeasured.read(path.with_name("measurements.jsonl")),
        has_lines=True,
    ),
    Read(
        file_kinds.FASTEST_RECIPE,
        "fastest_recipe.json",
        lambda path: fastest_recipe.decided(Asked(), path.parent),
        NOTES,
    ),
    Read(
        file_kinds.ALPHAS,
        "search/alphas.npz",
        lambda path: alpha_file.read(path, made_workdir.space().option_counts),
    ),
    Read(file_kinds.METRICS, "train/metrics.jsonl", metrics_file.read, has_lines=True),
    Read(
        file_kinds.RUN,
        "run.json",
        lambda path: schemas.read(dict[str, Any], path, file_kinds.RUN),
        r".*",
    ),
    Read(
        file_kinds.ESTIMATE,
        "search/estimate.json",
        lambda path: estimating.read(path.parent, made_workdir.space()),
    ),
    Read(file_kinds.NETWORKS, "search/networks.json", judged_networks.read),
    Read(
        file_kinds.FINALISTS,
        "search/finalists.json",
        lambda path: finalist_record.read(path.parent),
        r"(provenance|identity)\..*",
    ),
    Read(file_kinds.RESULT, "result.json", finished_runs.result, r"provenance\..*|layers.*"),
    Read(
        file_kinds.SPLITS,
        "splits.json",
        lambda path: split_record.update(Images(), path.parent),
        r".*",
    ),
    Read(
        file_kinds.PARITY,
        "parity_int8.json",
        parity_record.read,
        r"provenance\..*|latency_note",
    ),
    Read(
        file_kinds.SUMMARY,
        "summary.json",
        lambda path: records.read(records.Summary, path, file_kinds.SUMMARY),
    ),
    Read(
        file_kinds.COMPARISON,
        "comparison.json",
        finished_runs.comparison,
        NOTES + r"|settings\.model\..*|searches\[\]\.choices",
    ),
    Read(
        file_kinds.TRUTH,
        "truth.jsonl",
        trainings.read,
        r"(provenance|settings)\..*",
        has_lines=True,
    ),
    Read(
        file_kinds.RATES,
        "rates.jsonl",
        first_epochs.read,
        r"(provenance|settings)\..*",
        has_lines=True,
    ),
    Read(file_kinds.TFLITE, "child_int8.tflite", protocol.read_model),
]


@dataclasses.dataclass
class Preset:
    """As much of a preset as a chosen recipe replaces."""

    recipe: str = "fastest"
    recipes: tuple = ("int8",)


@dataclasses.dataclass
class Asked:
    """Settings of a pipeline that asks for the fastest recipe."""

    preset: Preset = dataclasses.field(default_factory=Preset)


class Images:
    """As much of a data set as is recorded: one image in every split."""

    name, class_names, input_shape, levels = "folder:x", ("a", "b"), (8, 8, 3), None
    train, validation, test = range(3)

    def __init__(self):
        self.files = [types.SimpleNamespace(name=f"{i}.jpg", digest="00") for i in range(3)]

    def files_of(self, split):
        return [self.files[split]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory, tiny_model_file):
    """A work dir with a file of every kind."""
    path = made_workdir.write(tmp_path_factory.mktemp("whole") / "w", tiny_model_file)
    made_workdir.write_judged(path)
    made_workdir.write_estimate(path)
    made_workdir.write_finalists(path)
    notes = made_workdir.provenance()
    files.write_json(path / "run.json", {"seed": 0, "settings": {"epochs": 2}})
    files.write_json(
        path / "result.json", {"schema_version": 1, "test_accuracy": 0.5, "provenance": notes}
    )
    files.write_json(path / "splits.json", split_record.record(Images()))
    files.write_bytes(path / "child_int8.tflite", b"\x1c\0\0\0TFL3" + bytes(1000))
    decision = fastest_recipe.Decision("int8", {"float32": 0.2, "int8": 0.1}, 3)
    content = {**dataclasses.asdict(decision), "provenance": notes}
    files.write_json(path / "fastest_recipe.json", {"schema_version": 1, **content})
    part = parts.stem_part(made_workdir.child())
    row = measurements.Measurement(
        part.key, "stem", part.label, "int8", 0.5, 0.4, 0.6, 20, 0.02, 2.0, (1.9, 2.1), "r", 0.25,
        {"device": "local", "runtime": "x", "num_threads": 1, "delegate": None}, part.spec,
        part.resolution, "tiny", notes,
    )  # fmt: skip
    measurements.append(path / "measurements.jsonl", [row])
    failed = unmeasured.Unmeasured(
        row.key, "block", "k5 e6", "int8", row.environment, "no such operation", "tiny", notes
    )
    unmeasured.append(path / "measurements.jsonl", [failed])
    one = {"folder": "s0", "algorithm": "random", "target": 0.5, "seed": 0}
    one |= {"target_latency_ms": 0.1, "test_accuracy": 0.7}
    asked = {"latency_model": "m.json", "model": {"kind": "x"}, "space": "tiny", "train_epochs": 1}
    asked |= {"max_train_examples": 0, "validation_size": 100, "train_repeats": 1}
    content = {"schema_version": 1, "settings": asked, "searches": [one]}
    files.write_json(path / "comparison.json", content)
    trained = trainings.Training("drawn", 0, 0.1, 0.1, (0, 1), 0, 0.7, 10, 20, {"a": 1}, notes)
    trainings.append(path / "truth.jsonl", trained)
    epoch = first_epochs.FirstEpoch("tiny", 0.5, 0.2, 2.1, None, {"a": 1}, notes)
    first_epochs.append(path / "rates.jsonl", epoch)
    rows = (path / "train/metrics.jsonl").read_bytes().splitlines(keepends=True)
    files.write_bytes(path / "train/metrics.jsonl", rows[0])
    return path


def _every_damage(one: Read, path: pathlib.Path) -> list[damages.Damage]:
    found = damages.of_bytes()
    if one.has_lines:
        # Fewer rows are what a kill leaves; whoever needs more of them says so.
        tolerated = ("empty", "blank", "cut", "zeros", "other content")
        found = [d._replace(must_refuse=not d.name.startswith(tolerated)) for d in found]
    if path.suffix == ".npz":
        with np.load(path) as stored:
            found += damages.of_arrays("alphas", stored["alphas"])
    elif path.suffix == ".tflite":
        # A header alone; the runtime finds the rest, see `export.checks.interpreter`.
        found = [d._replace(must_refuse=not d.name.startswith("cut")) for d in found]
    else:
        found += damages.of_json(json.loads(path.read_text()), one.free)
    return found


def _complaint(one: Read, damage: damages.Damage, path: pathlib.Path) -> str | None:
    """What is wrong with how a damaged file is received; None if nothing is."""
    try:
        one.read(path)
    except (ValueError, OSError) as error:
        text = str(error)
        if not isinstance(error, reading.FileFault):
            return f"{damage.name}: {type(error).__name__}: {text}"
        has_form = path.name in text and "expected" in text and "; " in text
        if (
            "\n" in text
            or not has_form
            or not ("received" in text or "found none" in text or "'x'" in text)
        ):
            return f"{damage.name}: {text}"
        return None
    except Exception as error:
        return f"{damage.name}: {type(error).__name__}: {error}"
    return f"{damage.name}: accepted" if damage.must_refuse else None


@pytest.mark.parametrize("one", READS, ids=lambda one: one.name)
def test_every_damage_is_refused_in_one_line_or_harmless(one, whole, tmp_path):
    path = tmp_path / pathlib.Path(one.name).name
    shutil.copy(whole / one.name, path)
    one.read(path)
    complaints = []
    found = _every_damage(one, path)
    for damage in found:
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
        shutil.copy(whole / one.name, path)
        damage.apply(path)
        complaints.append(_complaint(one, damage, path))
    told = [one for one in complaints if one]
    assert not told, "\n".join(told)
    assert len(found) >= 10


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.EMFILE, errno.ENOMEM])
@pytest.mark.parametrize("one", READS, ids=lambda one: one.name)
def test_a_file_that_cannot_be_read_is_named_with_the_error(one, number, whole, monkeypatch):
    path = whole / one.name
    before = os.open

    def refuses(name, *rest, **more):
        if os.fspath(name) == str(path):
            raise OSError(number, os.strerror(number), str(path))
        return before(name, *rest, **more)

    monkeypatch.setattr(os, "open", refuses)
    with pytest.raises(reading.Unreadable, match=f"{path.name}: .*{os.strerror(number)}"):
        one.read(path)


def test_every_kind_of_file_is_in_the_table():
    elsewhere = {
        "*.json",
        "child.keras",
        "failed_recipes.json",
        "checkpoints/ckpt-N",
        "benchmark_model",
    }
    named = {kind.name for kind in file_kinds.KINDS}
    assert named == {one.kind.name for one in READS} | elsewhere
