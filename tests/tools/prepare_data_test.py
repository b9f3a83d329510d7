import processes
from picture_folders import save_classes

prepare_data = processes.tool("prepare_data")


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
            "Sandal, Shirt, Sneaker, Bag, Ankle boot) training images: 100 a class, too few to "
            "train from nothing: begin with the weights of ImageNet (--preset=photos, or "
            "--init=imagenet, and --channels=rgb) identical images across splits: "
            "validation in train: 0, test in train: 0, test in validation: 0"
        ).split()
    )
    assert done.stderr == ""


def test_an_unknown_data_set_ends_with_one_line(tmp_path):
    done = prepare_data("--dataset=no_such_data", f"--data_dir={tmp_path}")
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: dataset: expected the name of a data set in TensorFlow Datasets")


def test_a_folder_is_described_with_what_was_done_to_it(tmp_path):
    root = save_classes(tmp_path / "animals", {"cat": 10, "dog": 30}, size=(40, 32))
    (root / "cat/000.png").write_bytes(b"")
    flags = [f"--dataset=folder:{root}", f"--data_dir={tmp_path}/data"]
    refused = prepare_data(*flags)
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr.splitlines()[-1] == (
        "error: folder:animals: 1 of 40 images cannot be read (cat/000.png: an empty "
        "file); repair or remove them, or leave them out with --skip_unreadable"
    )
    done = prepare_data(*flags, "--skip_unreadable", "--resolution=16")
    assert done.returncode == 0, done.stderr
    assert (
        "folder:animals: 39 images of 40x32 pixels, colour, cut to a square and resized to 16x16, "
        "1 unreadable left out" in done.stdout
    )
    assert "folder:animals: has no test split; 7 images are held out for it" in done.stdout
    assert "training images per class: 7 to 20" in done.stdout
    assert "images: 16x16, 3 channels" in done.stdout


def test_a_folder_may_stay_in_its_files(tmp_path):
    root = save_classes(tmp_path / "animals", {"cat": 10, "dog": 30}, size=(40, 32))
    flags = [f"--dataset=folder:{root}", f"--data_dir={tmp_path}/data", "--cache=files"]
    done = prepare_data(*flags, "--resolution=16")
    assert done.returncode == 0, done.stderr
    assert "folder:animals: 40 images of 40x32 pixels, colour\n" in done.stdout
    assert "40 encoded images" in done.stdout
    assert "in their files; random crops resized to 16x16" in done.stdout
    assert "validation in train: 0, test in train: 0" in done.stdout
    assert not list((tmp_path / "data").rglob("*.npy"))
    (root / "cat/000.png").write_bytes(b"no image")
    refused = prepare_data(*flags)
    assert refused.returncode == 1
    assert "1 of 40 images cannot be read (cat/000.png: a text file" in refused.stderr
