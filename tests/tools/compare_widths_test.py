"""The comparison with fixed designs, for a space with widths and resolutions, end to end."""

import dataclasses
import functools
import json

import made_wide_workdir
import processes
import pytest

from nas import files
from nas.architecture import spaces, spec_json

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

compare_widths = functools.partial(processes.run, "forking_commands", "tools.compare_widths")


def _space():
    tiny = spaces.SPACES["tiny"].with_task(10, 28, 1)
    first, second, third = tiny.layers
    layers = (
        dataclasses.replace(first, output_width="a"),
        dataclasses.replace(second, input_width="a", output_width="b"),
        dataclasses.replace(third, input_width="b", output_width="b"),
    )
    widths = {"a": (8, 16), "b": (8, 16, 24)}
    return dataclasses.replace(tiny, name="few", layers=layers, widths=widths, resolution=(20, 28))


@pytest.fixture
def compared(tmp_path, fashion_data_dir):
    """A work dir of `tools.compare_search` for one target, with made-up results."""
    space = _space()
    model = made_wide_workdir.latency_model(space)
    model.recipe_ = "float32"
    model.save(tmp_path / "model.json")
    searches = []
    for target in (0.05,):
        folder = f"random/target_{target}ms/seed_0"
        path = tmp_path / "w" / folder / "space.json"
        files.write_json(path, spec_json.to_dict(space))
        searches.append(
            {
                "folder": folder,
                "algorithm": "random",
                "target": target,
                "seed": 0,
                "target_latency_ms": target,
                "measured_latency_ms": target,
                "predicted_latency_ms": target,
                "test_accuracy": 0.5,
                "test_accuracies": [0.5],
            }
        )
    settings = {
        "space": "few.json",
        "dataset": "fashion_mnist",
        "latency_model": str(tmp_path / "model.json"),
        "model": model.to_dict(),
        "train_epochs": 1,
        "max_train_examples": 200,
        "validation_size": 60,
        "train_repeats": 1,
    }
    content = {"schema_version": 1, "settings": settings, "summary": [], "searches": searches}
    files.write_json(tmp_path / "w/comparison.json", content)
    return tmp_path / "w"


def test_designs_are_measured_trained_and_compared_resumably(compared, fashion_data_dir):
    flags = [f"--workdir={compared}", "--algorithm=random", f"--data_dir={fashion_data_dir}"]
    done = compare_widths(*flags)
    assert done.returncode == 0, done.stderr
    assert "MobileNetV3 style: " in done.stdout and "hard swish is " in done.stdout
    rows = json.loads((compared / "widths/curve.json").read_text())["networks"]
    assert [row["target_latency_ms"] for row in rows] == [0.05]
    for row in rows:
        for design in ("width", "v3"):
            (accuracy,) = row[f"{design}_accuracies"]
            assert 0.05 < accuracy <= 1.0
            assert row[f"{design}_latency_ms"] > 0 and row[f"{design}_multiplier"] > 0
        name = f"few_x{row['width_multiplier']:g}"
        child = spaces.load_child(str(compared / f"widths/{name}/seed_0/child.json"))
        assert _space().choices(child) and child.resolution == 28
        assert row["v3_choices"].startswith("k3 e4 relu | ")
    table = done.stdout[done.stdout.index("Searched networks against") :]
    assert table.count("multiplied width") == table.count("MobileNetV3 style") == 1
    again = compare_widths(*flags)
    assert again.returncode == 0, again.stderr
    assert table in again.stdout
