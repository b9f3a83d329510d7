"""Every command on work dirs with damaged files: one line with the file's name, or no harm.

`tests/contracts/file_kind_contract_test.py` tries each kind of file more thoroughly. Here whole
commands read it, beside the other files.
"""

import damaged_commands
import made_rows
import made_workdir
import pytest

from latency_models.measuring import measurements, parts
from nas import files
from nas.architecture import spaces

OF_REPORT = [
    "config.json",
    "stages.json",
    "space.json",
    "child.json",
    "latency_model.json",
    "measurements.jsonl",
    "search/alphas.npz",
    "search/metrics.jsonl",
    "search/finalists.json",
    "train/metrics.jsonl",
    "parity_int8.json",
    "summary.json",
]

COMMANDS = {
    "report": (["--workdir={}"], OF_REPORT, 12),
    "compare_random": (
        ["--workdir={}", "--count=1", "--tolerance=1"],
        ["summary.json", "config.json", "space.json", "child.json", "latency_model.json"],
        4,
    ),
    "fit_latency": (
        ["--measurements={}/measurements.jsonl", "--space=tiny", "--output={}/new.json"],
        ["measurements.jsonl"],
        3,
    ),
    "evaluate_latency": (
        ["--latency_model={}/latency_model.json", "--measurements={}/measurements.jsonl"],
        ["measurements.jsonl", "latency_model.json"],
        6,
    ),
    "train": (["--child={}/child.json", "--workdir={}/new"], ["child.json"], 4),
    "search": (
        [
            "--space={}/space.json",
            "--latency_model={}/latency_model.json",
            "--target_latency_ms=1",
            "--workdir={}/new",
        ],
        ["space.json", "latency_model.json"],
        6,
    ),
    "compare_widths": (["--workdir={}"], ["comparison.json"], 1),
    "benchmark": (
        ["--models={}/child_int8.tflite", "--output={}/new.jsonl"],
        ["child_int8.tflite"],
        1,
    ),
    "export_tflite": (["--model={}/child_int8.tflite", "--workdir={}"], ["child_int8.tflite"], 1),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory, tiny_model_file):
    """A finished work dir, with measurements of its space and a comparison."""
    path = made_workdir.write(tmp_path_factory.mktemp("whole") / "w", tiny_model_file)
    made_workdir.write_finalists(path)
    made_workdir.change(path, "summary.json", dataset="fashion_mnist", test_accuracy=0.61, seed=7)
    config = files.read_json(path / "config.json")
    config["pipeline"]["preset"] |= {"validation_size": 100, "init": "random"}
    config["pipeline"]["max_train_examples"] = 0
    files.write_json(path / "config.json", config)
    space = made_workdir.space()
    where = {"device": "local", "runtime": "x", "num_threads": 1, "delegate": None}
    wanted = [*parts.space_parts(space)]
    wanted += [parts.network_part(space.child((i, j, k)))
               for i in (0, 1) for j in (0, 1) for k in (0, 1, 2)]  # fmt: skip
    notes = made_workdir.provenance()
    measurements.append(
        path / "measurements.jsonl",
        [
            made_rows.row(
                part, part.num_macs * 1e-6, environment=where, space="tiny", provenance=notes
            )
            for part in wanted
        ],
    )
    asked = {"latency_model": str(tiny_model_file), "model": {"kind": "x"}, "space": "tiny"}
    asked |= {"train_epochs": 1, "max_train_examples": 0, "validation_size": 100}
    one = {"folder": "s0", "algorithm": "random", "target": 0.5, "seed": 0}
    one |= {"target_latency_ms": 0.1, "test_accuracy": 0.7}
    files.write_json(path / "comparison.json", {"settings": asked, "searches": [one]})
    files.write_bytes(path / "child_int8.tflite", b"\x1c\0\0\0TFL3" + bytes(1000))
    assert spaces.load_space(str(path / "space.json")) == space
    return path


@pytest.mark.parametrize("tool", COMMANDS)
def test_damaged_files_are_named_in_one_line(tool, whole):
    arguments, names, every = COMMANDS[tool]
    tries, wrong = damaged_commands.complaints(tool, arguments, whole, names, every)
    assert not wrong, "\n".join(wrong)
    assert tries >= 10 * len(names)
