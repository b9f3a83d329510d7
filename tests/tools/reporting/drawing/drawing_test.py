import re
import xml.etree.ElementTree as ET

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from tools.reporting.drawing import bar_chart, line_chart, probability_charts, scatter_chart, svg
from tools.reporting.drawing.bar_chart import Bar
from tools.reporting.drawing.line_chart import Level, Series
from tools.reporting.drawing.scatter_chart import Dot

NUMBERS = st.floats(1e-6, 1e6)


def texts(picture):
    return [element.text for element in parsed(picture).iter() if element.tag.endswith("text")]


def parsed(picture):
    root = ET.fromstring(picture)
    assert root.get("role") == "img"
    assert root.get("aria-label")
    return root


def test_a_number_is_written_short_and_never_in_powers_of_ten():
    assert [svg.short(x) for x in (0, 0.017872, 0.00012345, 1.2345, 123.45, 23456.0)] == [
        "0",
        "0.0179",
        "0.000123",
        "1.23",
        "123",
        "23,456",
    ]
    assert svg.short(0.02, 2) == "0.020"


@given(NUMBERS, NUMBERS)
def test_a_range_is_around_its_values_and_has_a_handful_of_ticks(a, b):
    low, high = svg.nice_range([a, b])
    assert low <= min(a, b) * (1 + 1e-9) and high >= max(a, b) * (1 - 1e-9)
    ticks = svg.Scale(low, high, 0, 1).ticks
    assert 2 <= len(ticks) <= 7
    written = [svg.tick_text(tick, ticks) for tick in ticks]
    assert len(set(written)) == len(written)


@given(NUMBERS, st.floats(6.0, 1e4))
def test_a_logarithmic_scale_has_ticks_within_it(low, ratio):
    scale = svg.Scale(low, low * ratio, 0.0, 100.0, is_log=True)
    assert scale(low) == pytest.approx(0.0)
    assert scale(low * ratio) == pytest.approx(100.0)
    assert scale(low * ratio**0.5) == pytest.approx(50.0)
    assert 2 <= len(scale.ticks) <= 7
    assert all(low <= tick <= low * ratio for tick in scale.ticks)


@given(st.lists(st.floats(0.0, 200.0), min_size=1, max_size=6))
def test_names_are_kept_apart_and_in_their_order(wanted):
    places = svg.spread(wanted, 14.0, 0.0, 200.0)
    ordered = sorted(zip(wanted, places, strict=True))
    assert all(b[1] - a[1] >= 14.0 - 1e-9 for a, b in zip(ordered, ordered[1:], strict=False))
    assert all(-1e-9 <= place <= 200.0 + 1e-9 for place in places)


def test_text_is_escaped():
    assert svg.text(0, 0, "a < b & c", 'x"y').startswith('<text x="0" y="0" class="x&quot;y"')
    assert ">a &lt; b &amp; c<" in svg.text(0, 0, "a < b & c")


def test_lines_are_named_at_their_ends_with_the_level_they_are_held_against():
    picture = line_chart.draw(
        [Series("expected", [(1, 0.4), (2, 0.3)], note="0.3"), Series("none", [])],
        "ms",
        "words",
        epochs=5,
        levels=[Level("target", 0.25)],
        warmup=1,
    )
    words = texts(picture)
    assert {"ms", "expected", "0.3", "target", "warm-up", "epoch", "1", "5"} <= set(words)
    assert "none" not in words
    (line,) = [e for e in parsed(picture).iter() if e.get("class") == "line accent"]
    # Two of five epochs: a quarter of the way.
    xs = [float(x) for x in re.findall(r"([\d.]+) [\d.]+", line.get("d"))]
    ends = [e for e in parsed(picture).iter() if e.get("class") == "level"]
    left, right = float(ends[0].get("x1")), float(ends[0].get("x2"))
    assert xs == [left, pytest.approx(left + (right - left) / 4, abs=0.01)]


@pytest.mark.parametrize(("values", "at_the_foot"), [([0.9, 0.5], True), ([0.1, 0.5], False)])
def test_the_warm_up_is_named_where_no_line_is(values, at_the_foot):
    points = list(enumerate(values, start=1))
    picture = line_chart.draw([Series("loss", points)], "nats", "words", epochs=4, warmup=1)
    (name,) = [e for e in parsed(picture).iter() if e.text == "warm-up"]
    (band,) = [e for e in parsed(picture).iter() if e.get("class") == "band"]
    middle = float(band.get("y")) + float(band.get("height")) / 2
    assert (float(name.get("y")) > middle) == at_the_foot


def test_one_epoch_is_a_dot():
    picture = line_chart.draw([Series("loss", [(1, 2.0)])], "nats", "words", epochs=1)
    tags = [element.tag.rpartition("}")[2] for element in parsed(picture).iter()]
    assert "circle" in tags and "path" not in tags


def test_bars_are_as_long_as_their_values():
    picture = bar_chart.draw([Bar("a", 1.0, "1 ms"), Bar("b", 4.0, "4 ms", "accent")], "words")
    widths = [float(e.get("width")) for e in parsed(picture).iter() if e.tag.endswith("rect")]
    assert widths[1] == pytest.approx(4 * widths[0], abs=0.05)
    assert texts(picture) == ["a", "1 ms", "b", "4 ms"]


def test_dots_are_held_against_a_line_and_small_differences_look_small():
    bars = [Bar("a", 76.6, "76.60 %"), Bar("b", 76.5, "76.50 %")]
    root = parsed(bar_chart.draw_dots(bars, 76.6, "Keras", 1.0, "words"))
    (line,) = [e for e in root.iter() if e.get("class") == "level"]
    first, second = [float(e.get("cx")) for e in root.iter() if e.tag.endswith("circle")]
    assert first == float(line.get("x1"))
    (grid, *_) = [e for e in root.iter() if e.get("class") == "grid"]
    span = float(grid.get("x2")) - float(grid.get("x1"))
    assert 0.05 * span < first - second < 0.12 * span


def test_predictions_that_are_right_stand_on_the_diagonal():
    dots = [Dot(0.01, 0.01), Dot(0.2, 0.2, "this network", "accent")]
    root = parsed(scatter_chart.draw_predictions(dots, "x", "y", "words"))
    (line,) = [e for e in root.iter() if e.get("class") == "diagonal"]
    x1, y1, x2, y2 = (float(line.get(name)) for name in ("x1", "y1", "x2", "y2"))
    dots = [e for e in root.iter() if e.tag.endswith("circle")]
    assert len(dots) == 2
    for dot in dots:
        along = (float(dot.get("cx")) - x1) / (x2 - x1)
        up = (float(dot.get("cy")) - y1) / (y2 - y1)
        assert along == pytest.approx(up, abs=1e-3)


def test_the_pareto_front_is_what_no_other_beats():
    dots = [(1.0, 0.5), (2.0, 0.7), (2.0, 0.6), (3.0, 0.7), (4.0, 0.9), (5.0, 0.8)]
    assert scatter_chart.pareto_front(dots) == [(1.0, 0.5), (2.0, 0.7), (4.0, 0.9)]


@pytest.mark.parametrize("count", [1, 2, 12])
def test_networks_are_drawn_with_their_names_wherever_they_are(count):
    dots = [Dot(1.0 + i % 3, 50.0 + i % 2, f"run {i}") for i in range(count)]
    picture = scatter_chart.draw(
        dots, "ms", "%", "words", front=[(1.0, 51.0)], limit=(9.0, "limit")
    )
    assert {f"run {i}" for i in range(count)} | {"limit"} <= set(texts(picture))


def test_probabilities_of_a_slot_name_the_chosen_candidate_and_the_next():
    p = np.array([[0.5, 0.25, 0.25], [0.2, 0.5, 0.3]])
    picture = probability_charts.draw("slot 3", p, ["a", "b", "c"], 2, epochs=4)
    assert texts(picture)[:3] == ["slot 3", "c  30 %", "b  50 %"]
    assert parsed(picture).get("aria-label") == "Slot 3: b 50 percent, c 30 percent, a 20 percent"
