"""Where a target lies, which multiplier alone meets it, and what has room on both sides."""

import dataclasses
import json

import made_wide_workdir
import made_workdir
import numpy as np
import pytest

from nas.architecture import counting, spaces
from nas.choices import space_costs
from nas.choices.candidate_costs import Latencies
from tools.reporting import page
from tools.reporting.data import reading
from tools.terminal import pipeline_summary
from tools.workflow import target_range

WIDE = made_wide_workdir.space()
MACS = space_costs.macs_of(WIDE)
TINY = spaces.SPACES["tiny"]
FIXED = Latencies([np.array([1.0, 3.0]), np.array([1.0, 4.0]), np.array([2.0, 4.0, 0.0])], 1.0)


def test_the_place_of_a_target_is_said_in_the_unit_of_the_costs():
    expected = "latency: target 5.7 ms, 30 % of the range from 3 to 12 ms"
    assert target_range.range_text(FIXED, 5.7) == expected
    assert target_range.range_text(FIXED, 0.0) == "latency from 3 to 12 ms, no target"
    macs = target_range.range_text(MACS, MACS.at(0.25))
    assert macs.startswith("macs: target ") and " 25 % of the range from " in macs
    assert target_range.fraction_of(FIXED, 3.0) == 0.0
    assert target_range.fraction_of(FIXED, 12.0) == 1.0


def test_a_space_of_one_cost_has_no_edge():
    same = Latencies([np.array([1.0, 1.0])], 0.0)
    assert target_range.fraction_of(same, 1.0) == 0.5


@pytest.mark.parametrize("fraction", [0.2, 0.5, 0.9])
def test_the_baseline_is_the_widest_of_one_multiplier_within_the_target(fraction):
    target = MACS.at(fraction)
    found = target_range.baseline(WIDE, MACS, target)
    child = WIDE.child(found.choices)
    assert found.cost == MACS.of(found.choices) <= target
    assert (found.params, found.macs) == (counting.num_params(child), counting.num_macs(child))
    assert found.macs == pytest.approx(found.cost)
    text = found.text("macs")
    assert text.startswith(f"one network of widths x {found.multiplier:.3g} meets it: ")
    assert " parameters, " in text and text.endswith(" MACs")


def test_only_a_space_with_widths_has_a_baseline():
    assert target_range.baseline(TINY, FIXED, 5.0) is None
    assert target_range.notes(TINY, FIXED, 5.0) == {}
    assert target_range.notes(WIDE, MACS, 0.0) == {}
    low = target_range.notes(WIDE, MACS, MACS.fastest_ms)
    assert low["baseline"] == "no network of multiplied widths alone meets it"


def test_a_target_in_the_middle_gets_no_caution():
    for fraction in (0.05, 0.5, 0.95):
        assert target_range.caution(TINY, fraction) is None


@pytest.mark.parametrize(
    ("fraction", "end", "numbers"), [(0.01, "lower", "narrower"), (1.0, "upper", "wider")]
)
def test_widths_with_more_numbers_have_room(fraction, end, numbers):
    text = target_range.caution(WIDE, fraction)
    assert text.startswith(f"the target is at the {end} end of what wide can have")
    assert f"add {numbers} numbers to its widths (w1, w2, w3, w4)" in text


def _tiny_with(name, **widths):
    """The space `tiny` with two width decisions, `a` and `b`."""
    first, second, third = TINY.layers
    layers = (
        dataclasses.replace(first, output_width="a"),
        dataclasses.replace(second, input_width="a", output_width="b"),
        dataclasses.replace(third, input_width="b", output_width="b"),
    )
    return dataclasses.replace(TINY, name=name, layers=layers, widths=widths)


def test_a_fixed_space_names_a_space_with_room_on_both_sides(monkeypatch):
    alone = target_range.caution(TINY, 0.99)
    assert alone.endswith("choose a target between 5 and 95 % of the range")
    assert "--space" not in alone
    # Room on one side is not enough.
    narrow = _tiny_with("narrow", a=(4, 8), b=(8, 16))
    monkeypatch.setitem(target_range.SPACES, "narrow", narrow)
    assert "--space" not in target_range.caution(TINY, 0.99)
    roomy = _tiny_with("roomy", a=(4, 8, 16), b=(8, 16, 32))
    monkeypatch.setitem(target_range.SPACES, "roomy", roomy)
    assert "--space=roomy has networks of more and of fewer" in target_range.caution(TINY, 0.99)
    # Spaces are compared for the data set at hand.
    other = TINY.with_task(5, 64, 1)
    assert "--space=roomy" in target_range.caution(other, 0.99)
    # A space for images of another size is not named.
    monkeypatch.setitem(target_range.SPACES, "roomy", dataclasses.replace(roomy, resolution=64))
    assert "--space" not in target_range.caution(TINY, 0.99)


BASELINE = {
    "multiplier": 0.87,
    "predicted_latency_ms": 0.0519,
    "params": 123_000,
    "macs": 8_100_000,
}


def test_the_report_and_the_summary_have_the_baseline_as_a_row(tmp_path, tiny_model_file, capsys):
    workdir = made_workdir.write(tmp_path, tiny_model_file)
    assert "Without a search" not in page.html([reading.read(workdir)])
    made_workdir.change(workdir, "summary.json", baseline=BASELINE)
    text = page.html([reading.read(workdir)])
    assert "widths × 0.87" in text and "123\xa0thousand parameters" in text
    summary = json.loads((workdir / "summary.json").read_text())
    summary |= {"test_accuracy": 0.6, "test_accuracy_by_recipe": {"int8": 0.6}}
    summary |= {"size_bytes_by_recipe": {"int8": 16000}}
    pipeline_summary.show(summary, workdir)
    shown = capsys.readouterr().out
    assert "baseline: one network of widths x 0.87: predicted 0.0519 ms, 123,000 parame" in shown


def test_a_damaged_baseline_is_named(tmp_path, tiny_model_file):
    workdir = made_workdir.write(tmp_path, tiny_model_file)
    made_workdir.change(workdir, "summary.json", baseline={"multiplier": "wide"})
    with pytest.raises(ValueError, match=r"summary.json: baseline.multiplier: "):
        reading.read(workdir)
