import numpy as np
import pytest

from nas.data.splits.encoded_split import EncodedSplit
from nas.data.splits.memory_split import MemorySplit
from nas.data.tfds import record_index, tfds_layout
from tools.experiments import input_throughput


@pytest.fixture(params=["encoded", "pixels"])
def split(request, imagenet_data_dir):
    if request.param == "encoded":
        index = record_index.load(tfds_layout.builder("imagenet2012", imagenet_data_dir), "train")
        return EncodedSplit(index, index.labels, "train", np.arange(len(index)), resolution=24)
    images = np.zeros((20, 8, 8, 3), np.uint8)
    return MemorySplit(images, np.zeros(20, np.int64), "train", np.arange(20))


def test_every_stage_and_both_ways_are_measured(split):
    found = input_throughput.measure(split, batch_size=4, rounds=2, seconds=0.02)
    stages = ["crop, flip", "to float"]
    if isinstance(split, EncodedSplit):
        stages = ["read", "decode, crop", "resize", "flip, colour", "to float"]
    assert list(found.stage_ms) == [*stages, "batches, hand-over"]
    assert all(ms >= 0.0 for ms in found.stage_ms.values())
    assert found.slowest in found.stage_ms
    assert len(found.images_per_second) == len(found.limits) == 2
    assert found.rate > 0.0 < found.limit


def test_the_slowest_stage_is_the_one_of_most_milliseconds():
    found = input_throughput.Throughput(2, [10.0, 30.0, 20.0], [40.0], {"a": 1.0, "b": 3.0})
    assert (found.rate, found.limit, found.slowest) == (20.0, 40.0, "b")


def test_what_the_pipeline_reaches_is_compared_within_rounds_by_hand():
    found = input_throughput.Throughput(2, [10.0, 30.0, 18.0], [20.0, 40.0, 20.0], {"a": 1.0})
    assert found.shares == [0.5, 0.75, 0.9]
    # The medians' own ratio is 18 / 20.
    assert found.share == 0.75
