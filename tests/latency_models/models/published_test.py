"""Goldens of the bundled Pixel 1 table (Cai et al. 2019)."""

import dataclasses
import json

import pytest

import latency_models
from latency_models.measuring import parts
from latency_models.models import published
from nas.architecture import spaces
from nas.architecture.operations import MBConv

IMAGENET = spaces.SPACES["proxyless_imagenet"]
MOBILE = spaces.PUBLISHED_CHILDREN["proxyless_mobile"]


@pytest.fixture(scope="module")
def pixel1():
    return latency_models.load("pixel1")


def test_proxyless_mobile_by_the_table_and_with_its_uncovered_blocks(pixel1):
    in_parts = parts.child_parts(MOBILE)
    covered = [part for part in in_parts if part.key in pixel1.entries_]
    assert len(in_parts) - len(covered) == 3
    assert sum(pixel1.part_ms(part) for part in covered) == pytest.approx(63.7, abs=0.05)
    assert pixel1.predict(MOBILE) == pytest.approx(82.5, abs=0.05)
    assert pixel1.evaluation_["networks"]["bias"] == pytest.approx(82.529 / 78.0 - 1.0)


def test_what_is_estimated_is_said(pixel1):
    (caution,) = pixel1.cautions(parts.child_parts(MOBILE))
    assert caution.startswith("3 parts are not in the table; each gets the latency of its nearest")
    assert "block k7 e3, 32 -> 40 / 2 at 56x56 as k7 e3, 24 -> 40 / 2" in caution
    assert pixel1.cautions(parts.space_parts(IMAGENET)) == []


def test_the_whole_imagenet_space_is_covered_and_skips_cost_nothing(pixel1):
    slots, constant = pixel1.slot_latencies(IMAGENET)
    assert constant == pytest.approx(4.084 + 3.882 + 3.089 + 0.310)
    assert slots[0].tolist() == [6.241, 7.519, 9.144, 16.766, 18.941, 22.105]
    assert slots[-1].tolist() == [2.644, 2.829, 3.050, 4.877, 5.265, 5.828]
    zeros = [slot.candidates[j].kind for slot, v in zip(IMAGENET.slots, slots, strict=True)
             for j in range(len(v)) if v[j] == 0.0]  # fmt: skip
    assert zeros == ["skip"] * 15
    assert sum(len(v) for v in slots) == 141


def test_another_number_of_classes_counts_as_the_published_head(pixel1):
    few = IMAGENET.with_task(10)
    assert pixel1.slot_latencies(few)[1] == pixel1.slot_latencies(IMAGENET)[1]
    (caution,) = pixel1.cautions(parts.space_parts(few))
    assert "-> 1280 -> 10 at 7x7 as head, 320 -> 1280 -> 1000" in caution
    with pytest.raises(ValueError, match="no entry for head, 320"):
        pixel1.slot_latencies(IMAGENET.with_task(100_000))


@pytest.mark.parametrize("resolution", [32, 192, 256])
def test_another_resolution_is_refused_with_the_nearest(pixel1, resolution):
    half = resolution // 2
    with pytest.raises(
        ValueError, match=f"at {half}x{half}; the nearest is block k3 e3, 16 -> 24 / 2 at 112"
    ):
        pixel1.slot_latencies(IMAGENET.with_task(1000, resolution))


def test_widths_too_far_and_other_operations_are_refused(pixel1):
    wide = spaces.PUBLISHED_CHILDREN["proxyless_mobile_14"]
    with pytest.raises(
        ValueError, match="no entry for block k5 e3, 24 -> 40 / 2 .*nearest is block k5 e3, 16"
    ):
        pixel1.predict(wide)
    layers = list(MOBILE.layers)
    layers[1] = dataclasses.replace(layers[1], op=MBConv(9, 3))
    with pytest.raises(ValueError, match="no entry for block k9 e3"):
        pixel1.predict(dataclasses.replace(MOBILE, layers=tuple(layers)))


def test_the_file_is_cited_licensed_and_says_what_it_was_measured_with(pixel1):
    data = json.loads(published.TABLES["pixel1"].read_text())
    assert "arXiv:1812.00332" in data["source"]
    assert "MIT License" in data["licence"]
    assert (published.TABLES["pixel1"].parent / "pixel1.LICENSE").read_text().startswith("MIT")
    assert data["source"] in pixel1.to_dict()["source"]
    written = {"kind", "space", "device", "recipe", "runtime", "num_threads", "delegate"}
    assert {key: data[key] for key in written} == {key: pixel1.to_dict()[key] for key in written}


def test_another_use_than_the_published_is_refused(pixel1):
    pixel1.check(device="pixel1", recipe="float32", num_threads=1)
    with pytest.raises(ValueError, match="with device pixel1, received device local"):
        pixel1.check(device="local", recipe="float32", num_threads=1)
    with pytest.raises(ValueError, match="with recipe float32, received recipe int8"):
        pixel1.check(device="pixel1", recipe="int8", num_threads=1)


def test_an_unknown_table_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="expected one of pixel1, received 'pixel2'"):
        published.load("pixel2")
