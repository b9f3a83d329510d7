import json

import processes
import pytest

from latency_models.measuring import block_benchmarks, measurements, parts
from nas.architecture import spaces


def run(tool, *arguments):
    return processes.run(f"tools.{tool}", *arguments)


def test_a_space_is_measured_and_fitted(tmp_path):
    output, model = tmp_path / "measurements.jsonl", tmp_path / "latency_model.json"
    done = run(
        "benchmark", "--space=tiny", "--recipe=int8", "--networks=4", f"--output={output}",
        "--num_classes=7",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    labels = [line.split(":")[0].strip() for line in done.stderr.splitlines()]
    # A slow machine repeats a label with how far it is.
    assert list(dict.fromkeys(labels)) == ["writing", "timing"]
    amount, summary = done.stdout.splitlines()[:2]
    assert amount.startswith("tiny: all 8 parts and 4 networks to time; takes about ")
    assert summary.startswith("tiny, int8, local, 1 thread(s): 8 parts and 4 networks in ")
    assert "fastest network" in done.stdout
    rows = measurements.read(output)
    assert sum(row.kind == "network" for row in rows) == 4

    done = run("fit_latency", f"--measurements={output}", f"--output={model}")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    header, _, networks = done.stdout.splitlines()[2:5]
    assert "error %" in header and networks.split()[:2] == ["networks", "4"]
    data = json.loads(model.read_text())
    assert (data["kind"], data["space"], data["recipe"]) == ("lookup_table", "tiny", "int8")
    assert any(entry["label"].endswith("-> 7") for entry in data["entries"].values())


def test_models_are_timed_into_a_table(tmp_path):
    child = spaces.SPACES["tiny"].child([0, 0, 0])
    paths = []
    for recipe in ("float32", "int8"):
        paths.append(tmp_path / f"stem_{recipe}.tflite")
        paths[-1].write_bytes(block_benchmarks.write(parts.stem_part(child), recipe))
    output = tmp_path / "models.jsonl"
    done = run("benchmark", f"--models={paths[0]},{paths[1]}", f"--output={output}")
    assert done.returncode == 0, done.stderr
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert names[0] == "model"
    assert names[2:4] == ["stem_float32.tflite", "stem_int8.tflite"]
    assert [row.label for row in measurements.read(output)] == names[2:4]

    half = tmp_path / "half.tflite"
    half.write_bytes(paths[0].read_bytes()[:400])
    done = run("benchmark", f"--models={paths[0]},{half}", f"--output={output}")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    expected = f"error: {half}: expected a complete .tflite file, received 400 damaged bytes"
    assert line.startswith(expected)


@pytest.mark.parametrize(
    "tool, arguments, words",
    [
        ("benchmark", [], "either --models or --space"),
        ("benchmark", ["--space=nowhere"], "expected one of proxyless_imagenet"),
        ("benchmark", ["--models=none.tflite"], "none.tflite: expected a .tflite file"),
        ("benchmark", ["--space=tiny", "--recipe=int4"], "int4"),
        ("benchmark", ["--space=tiny", "--parts=2"], "parts: expected at least "),
        ("benchmark", ["--space=tiny", "--delegate=gpu"], "expected --delegate for a phone"),
        ("benchmark", ["--space=tiny", "--device=adb"], "name it with --benchmark_model"),
        ("benchmark", ["--space=tiny", "--device=adb:A,adb:A"], "expected different devices"),
        ("fit_latency", ["--measurements=none.jsonl"], "none.jsonl: expected a file written by"),
    ],
)
def test_bad_input_ends_with_one_line(tool, arguments, words, tmp_path):
    done = run(tool, *arguments, f"--output={tmp_path / 'out.json'}")
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert words in line
    assert not (tmp_path / "out.json").exists()
