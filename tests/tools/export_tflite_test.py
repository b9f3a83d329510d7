import json
import subprocess
import sys

import keras

from nas import child, spaces


def export_tflite(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "tools.export_tflite", *arguments], capture_output=True, text=True
    )


def test_files_and_table_and_nothing_on_stderr(fashion_data_dir, tmp_path):
    space = spaces.SPACES["tiny"].with_task(10, resolution=28, input_channels=1)
    keras.utils.set_random_seed(0)
    child.build_child(space.child([1, 1, 1])).save(tmp_path / "child.keras")
    done = export_tflite(
        f"--model={tmp_path}/child.keras",
        "--recipes=float32,int8",
        "--dataset=fashion_mnist",
        f"--data_dir={fashion_data_dir}",
        "--max_test_images=100",
        f"--workdir={tmp_path}/out",
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    first_words = [line.split()[0] for line in done.stdout.splitlines() if line]
    assert first_words[:4] == ["there", "float32:", "int8:", "recipe"]
    assert first_words[-3:] == ["float32", "int8", "Keras:"]
    for recipe in ("float32", "int8"):
        parity = json.loads((tmp_path / f"out/parity_{recipe}.json").read_text())
        size = (tmp_path / f"out/child_{recipe}.tflite").stat().st_size
        assert parity["size_bytes"] == size
        assert parity["num_images"] == 100


def test_unknown_recipe_ends_with_one_line(tmp_path):
    done = export_tflite("--model=x.keras", "--recipes=int3", f"--workdir={tmp_path}/out")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: recipe: expected one of float32")
    assert not (tmp_path / "out").exists()


def test_recipe_that_trains_further_asks_for_the_description(fashion_data_dir, tmp_path):
    space = spaces.SPACES["tiny"].with_task(10, resolution=28, input_channels=1)
    child.build_child(space.child([1, 1, 1])).save(tmp_path / "child.keras")
    done = export_tflite(
        f"--model={tmp_path}/child.keras",
        "--recipes=int8_qat",
        "--dataset=fashion_mnist",
        f"--data_dir={fashion_data_dir}",
        f"--workdir={tmp_path}/out",
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: int8_qat: expected a child.json beside the model, found none")
    assert not (tmp_path / "out").exists()
