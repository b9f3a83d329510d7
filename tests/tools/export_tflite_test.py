import json
import os
import pathlib

import keras
import processes
import pytest

from export import recipes
from export.content import footprint
from nas import files
from nas.architecture import spaces, spec_json
from nas.layers import keras_network

ROOT = pathlib.Path(__file__).resolve().parents[2]


export_tflite = processes.tool("export_tflite")


def test_files_and_table_and_nothing_else(fashion_data_dir, tmp_path):
    space = spaces.SPACES["tiny"].with_task(10, resolution=28, input_channels=1)
    keras.utils.set_random_seed(0)
    keras_network.build_child(space.child([1, 1, 1])).save(tmp_path / "child.keras")
    done = export_tflite(
        f"--model={tmp_path}/child.keras",
        "--recipes=float32,int8",
        "--dataset=fashion_mnist",
        f"--data_dir={fashion_data_dir}",
        "--max_test_images=100",
        f"--workdir={tmp_path}/out",
    )
    assert done.returncode == 0, done.stderr
    (timing,) = done.stderr.splitlines()
    assert timing.startswith("  timing: ")
    first_words = [line.split()[0] for line in done.stdout.splitlines() if line]
    # The images are gray, which not every reader takes.
    assert first_words[:5] == ["no", "the", "float32:", "int8:", "recipe"]
    # Quantized files of an untrained network often name other classes, which the last line says.
    if json.loads((tmp_path / "out/parity_int8.json").read_text())["top1_agreement"] < 0.95:
        assert first_words.pop() == "int8:"
    assert first_words[-3:] == ["int8", "Keras:", "Keras:"]
    for recipe in ("float32", "int8"):
        parity = json.loads((tmp_path / f"out/parity_{recipe}.json").read_text())
        size = (tmp_path / f"out/child_{recipe}.tflite").stat().st_size
        assert parity["size_bytes"] == size
        assert parity["num_images"] == 100
        assert parity["latency_ms"] > 0
        by_class = parity["by_class"]["accuracy_by_class"]
        assert len(by_class) == 10 and "Sandal" in by_class
        assert parity["latency"]["environment"]["num_threads"] == 1
        assert parity["provenance"]["date"].startswith("20")


def test_unknown_recipe_ends_with_one_line(tmp_path):
    done = export_tflite("--model=x.keras", "--recipes=int3", f"--workdir={tmp_path}/out")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: recipe: expected one of float32")
    assert not (tmp_path / "out").exists()


def test_recipe_that_trains_further_asks_for_the_description(fashion_data_dir, tmp_path):
    space = spaces.SPACES["tiny"].with_task(10, resolution=28, input_channels=1)
    keras_network.build_child(space.child([1, 1, 1])).save(tmp_path / "child.keras")
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


def test_other_runtime_that_is_none_is_refused_before_any_work(tmp_path):
    done = export_tflite(
        "--model=none.keras", "--other_runtimes=nowhere/python", f"--workdir={tmp_path}/out"
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: nowhere/python: expected a Python")


@pytest.mark.integration
def test_published_network_is_exported_by_name(fashion_data_dir, tmp_path):
    arguments = (
        "--model=proxyless_mobile",
        "--recipes=float32,float16,int8,int16x8",
        "--dataset=fashion_mnist",
        f"--data_dir={fashion_data_dir}",
        "--calibration_images=20",
        "--max_test_images=50",
        f"--workdir={tmp_path}",
    )
    done = export_tflite(*arguments)
    assert done.returncode == 0, done.stderr
    assert "proxyless_mobile has random weights" in done.stdout
    network = spaces.load_child(str(tmp_path / "child.json"))
    assert (network.num_classes, network.resolution) == (10, 28)
    found = {
        name: json.loads((tmp_path / f"parity_{name}.json").read_text())
        for name in ("float32", "float16", "int8", "int16x8")
    }
    operators = {"ADD": 13, "CONV_2D": 41, "DEPTHWISE_CONV_2D": 20, "FULLY_CONNECTED": 1, "MEAN": 1}
    assert found["float32"]["operators"] == found["int8"]["operators"] == operators
    assert found["float32"]["max_abs_difference"] < 1e-4 * found["float32"]["max_abs_logit"]
    assert found["float32"]["top1_agreement"] == 1.0
    halves = found["float16"]
    assert halves["max_unexplained_difference"] < 1e-4 * halves["max_abs_logit"]
    assert halves["max_unexplained_difference"] < 0.1 * halves["max_abs_difference"]
    assert found["int8"]["size_bytes"] <= footprint.int8_size_bound(network)
    again = export_tflite(*arguments)
    assert again.stdout.count("already exported") == 4
    other = export_tflite(*(a.replace("mobile", "cpu") for a in arguments))
    assert "expected the work dir of proxyless_cpu" in other.stderr


@pytest.mark.integration
@pytest.mark.timeout(900)
def test_same_network_gives_the_same_bytes_in_any_process_and_folder(fashion_data_dir, tmp_path):
    network = spaces.SPACES["tiny"].with_task(10, 28, 1).child([1, 1, 1])
    keras.utils.set_random_seed(0)
    keras_network.build_child(network).save(tmp_path / "child.keras")
    files.write_json(tmp_path / "child.json", spec_json.to_dict(network))
    # Those that train further do so in processes of their own (tests/export/fine_tuning).
    names = [name for name, recipe in recipes.RECIPES.items() if not recipe.fine_tuning]
    contents = []
    for one_dnn in "01":
        folder = tmp_path / f"folder {one_dnn}"
        folder.mkdir()
        done = export_tflite(
            "--model=../child.keras",
            f"--recipes={','.join(names)}",
            "--dataset=fashion_mnist",
            f"--data_dir={fashion_data_dir}",
            "--max_test_images=100",
            "--workdir=out",
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TF_ENABLE_ONEDNN_OPTS": one_dnn},
        )
        assert done.returncode == 0, done.stderr
        files_of = {name: folder / f"out/child_{name}.tflite" for name in names}
        contents.append({name: path.read_bytes() for name, path in files_of.items()})
    for name in names:
        assert contents[0][name] == contents[1][name], name
