import json

import processes
import pytest

TABLE_HEAD = "images  quality     baseline  noise / signal"
reward_noise = processes.tool("experiments.reward_noise")


@pytest.mark.integration
def test_the_noise_of_every_kind_is_measured(fashion_data_dir, tmp_path):
    flags = ["--space=tiny", "--dataset=fashion_mnist", f"--data_dir={fashion_data_dir}"]
    flags += ["--epochs=1", "--steps=20", "--images=16,4", "--batch_size=16"]
    flags += ["--max_train_examples=80", "--validation_size=40", f"--workdir={tmp_path}/w"]
    done = reward_noise(*flags)
    assert done.returncode == 0, done.stderr
    assert TABLE_HEAD in done.stdout
    rows = json.loads((tmp_path / "w/noise.json").read_text())["rows"]
    kinds = [(row["images"], row["quality"], row["baseline"]) for row in rows]
    assert len(set(kinds)) == 8 and {count for count, _, _ in kinds} == {16, 4}
    assert all(row["cost"] > 0 for row in rows)


def test_more_images_than_a_batch_are_refused(tmp_path):
    done = reward_noise("--images=65", f"--workdir={tmp_path}/w")
    assert done.returncode == 1
    assert "images: expected numbers from 1 to batch_size=64, received '65'" in done.stderr
