import subprocess
import sys


def prepare_data(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "tools.prepare_data", *arguments], capture_output=True, text=True
    )


def test_the_summary_describes_the_data_set_and_nothing_else_is_printed(fashion_data_dir):
    done = prepare_data(
        "--dataset=fashion_mnist", f"--data_dir={fashion_data_dir}", "--validation_size=100"
    )
    assert done.returncode == 0, done.stderr
    assert (
        done.stdout.split()
        == (
            f"fashion_mnist: already in {fashion_data_dir}/fashion_mnist/3.0.1 "
            "fashion_mnist split images ---------- ------ train 900 validation 100 test 300 "
            "images: 28x28, 1 channel classes: 10 (T-shirt/top, Trouser, Pullover, Dress, Coat, "
            "Sandal, Shirt, Sneaker, Bag, Ankle boot) identical images across splits: "
            "validation in train: 0, test in train: 0, test in validation: 0"
        ).split()
    )
    assert done.stderr == ""


def test_an_unknown_data_set_ends_with_one_line(tmp_path):
    done = prepare_data("--dataset=no_such_data", f"--data_dir={tmp_path}")
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: expected the name of a data set in TensorFlow Datasets")
