"""A pipeline searches and trains on all devices of one host."""

import json

import processes
import pytest
import refusals

from nas import files
from nas.architecture import spec_json
from nas.architecture.blocks import Head, Slot, Stem
from nas.architecture.operations import MBConv
from nas.architecture.specs import SearchSpace

CANDIDATES = tuple(MBConv(size, expansion) for size in (3, 5) for expansion in (1, 2))
SPACE = SearchSpace("small", 28, 10, Stem(4, 3, 2), (Slot(4, 8, CANDIDATES, 2),), Head(16), 1)


@pytest.mark.integration
@pytest.mark.timeout(600)
def test_a_pipeline_on_two_devices_is_one_that_any_machine_can_go_on_with(
    fashion_data_dir, tmp_path
):
    files.write_json(tmp_path / "space.json", spec_json.to_dict(SPACE))
    flags = [
        "--preset=tiny",
        f"--space={tmp_path}/space.json",
        f"--data_dir={fashion_data_dir}",
        f"--workdir={tmp_path}/w",
    ]
    flags += ["--max_train_examples=300", "--warmup_epochs=0", "--search_epochs=1"]
    flags += ["--train_epochs=1", "--recipes=float32", "--networks=4"]
    done = processes.run("two_devices", "tools.pipeline", *flags, "--distribute=mirrored")
    assert done.returncode == 0, done.stderr
    assert "2 replicas" in done.stdout
    summary = json.loads((tmp_path / "w/summary.json").read_text())
    assert summary["test_accuracy"] > 0.1
    # Replicas that normalize together do what one device does, so one device goes on.
    again = processes.run("tools.pipeline", *flags)
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("finished before") >= 6
    # Each normalizes its own half of a batch: another run.
    apart = [*flags, "--distribute=mirrored", "--nosync_batch_norm"]
    refused = processes.run("two_devices", "tools.pipeline", *apart)
    assert refused.returncode == 1
    assert "batch_norm_images: was not given, now 16" in refused.stderr


def test_what_cannot_be_shared_is_refused_before_any_work(tmp_path):
    start = ["--preset=tiny", f"--workdir={tmp_path}/w"]
    several, idle = refusals.received(
        "pipeline", [[*start, "--distribute=multiworker"], [*start, "--nosync_batch_norm"]]
    )
    assert "distribute: expected none or mirrored, received multiworker; run tools.bench" in several
    assert "sync_batch_norm" in idle
    assert not (tmp_path / "w").exists()
