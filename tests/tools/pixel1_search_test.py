"""A search for the paper's phone by its published latencies, on a part of the paper's space."""

import dataclasses

import numpy as np
import pytest

import latency_models
from nas import files
from nas.architecture import spaces
from nas.architecture.blocks import Slot
from nas.architecture.operations import MBConv, Skip
from nas.data.splits.dataset import Dataset
from nas.data.splits.memory_split import MemorySplit
from nas.searching import search_config
from tools.workflow import stages

IMAGENET = spaces.SPACES["proxyless_imagenet"]


def one_slot_a_stage():
    """The paper's space with two candidates in the first slot of each stage, and a skip."""
    layers = [IMAGENET.layers[0]]
    for layer in IMAGENET.slots:
        if (layer.input_width, layer.output_width) == (24, 24):
            if not any(Skip() in getattr(slot, "candidates", ()) for slot in layers):
                layers.append(dataclasses.replace(layer, candidates=(MBConv(7, 6), Skip())))
        elif layer.input_width != layer.output_width:
            candidates = (MBConv(3, 3), MBConv(5, 3))
            layers.append(Slot(layer.input_width, layer.output_width, candidates, layer.stride))
    return dataclasses.replace(IMAGENET, name="proxyless_short", layers=tuple(layers))


def images(count, source):
    generator = np.random.default_rng(count)
    pixels = generator.integers(0, 256, (count, 224, 224, 3)).astype(np.uint8)
    labels = np.arange(count) % 1000
    return MemorySplit(pixels, labels.astype(np.int64), source, np.arange(count))


@pytest.mark.integration
def test_a_search_aims_at_published_milliseconds(tmp_path):
    space = one_slot_a_stage()
    pixel1 = latency_models.load("pixel1")
    latencies = pixel1.costs(space)
    names = tuple(map(str, range(1000)))
    dataset = Dataset("noise", names, images(4, "train"), images(2, "train"), images(2, "test"))
    target_ms = latencies.at(0.3)
    config = search_config.SearchConfig(
        epochs=1,
        warmup_epochs=1,
        batch_size=2,
        target=target_ms,
        is_limit=True,
        arch_learning_rate=0.05,
        arch_period=1,
    )
    stages.run_search(space, dataset, latencies, config, tmp_path)
    child = spaces.load_child(str(tmp_path / "child.json"))
    predicted = files.read_json(tmp_path / "child.json")["provenance"]["predicted_latency_ms"]
    assert predicted == pytest.approx(pixel1.predict(child))
    assert latencies.fastest_ms <= predicted <= target_ms
    # The slot's k7 e6 takes 18.541 ms on that phone, its skip nothing.
    assert child.layers[2].op == Skip()
