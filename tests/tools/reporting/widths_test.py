"""The report of a space with widths, resolutions and long labels."""

import re
import xml.etree.ElementTree as ET

import made_wide_workdir
import made_workdir
import numpy as np
import pytest

from tools.reporting import page
from tools.reporting.data import places, reading
from tools.reporting.drawing import labels
from tools.reporting.sections import comparison, network_section, search_section

LETTER = 6.0


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    path = tmp_path_factory.mktemp("wide")
    made_wide_workdir.write(path)
    return path


@pytest.fixture(scope="module")
def run(workdir):
    return reading.read(workdir)


def test_latencies_are_those_at_the_networks_own_sizes(run):
    choices, costs = list(run.choices), run.latency.costs
    slots_ms = run.latency.slots_ms(choices)
    assert [len(ms) for ms in slots_ms] == list(run.space.candidate_counts)
    for slot, ms in enumerate(slots_ms):
        for option in range(len(ms)):
            other = [*choices[:slot], option, *choices[slot + 1 :]]
            difference = costs.of(other) - costs.of(choices)
            assert difference == pytest.approx(ms[option] - ms[choices[slot]], abs=1e-12)
    drawn = [place.ms for place in places.places(run) if place.slot]
    assert drawn == [ms[choice] for ms, choice in zip(slots_ms, choices, strict=False)]
    assert run.predicted_ms == pytest.approx(costs.of(choices))


def test_layers_have_the_chosen_sizes_and_name_their_decision(run):
    found = places.places(run)
    assert [place.width for place in found] == [
        None,
        None,
        *2 * ["width w1"],
        *2 * ["width w2"],
        *2 * ["width w3"],
        "width w4",
    ]
    for decision in places.decisions(run)[:3]:
        assert {p.widths[2] for p in found if p.width == decision.name} == {decision.chosen}
    assert found[0].resolution == run.child.resolution // 2
    last = places.decisions(run)[-1]
    assert last.name == "resolution" and last.chosen == run.child.resolution
    assert sum(one.probability for one in last.options) == pytest.approx(1.0)


def test_every_decision_has_a_chart_and_rows_in_the_table(run):
    (figure,) = [f for f in search_section.section(run).figures if f.key == "path-probabilities"]
    assert len(figure.pictures) == len(run.space.option_counts) == 11
    heads = [ET.fromstring(picture).get("aria-label").split(":")[0] for picture in figure.pictures]
    assert heads[0] == "Slot 1" and heads[6:] == [
        "Width w1",
        "Width w2",
        "Width w3",
        "Width w4",
        "Resolution",
    ]
    assert len(figure.table.rows) == sum(run.space.option_counts)
    assert figure.table.rows[-1][0] == "resolution, 64"
    assert "per slot, per width and for the resolution" in figure.caption


def test_the_section_counts_widths_and_resolutions(run):
    section = network_section.section(run)
    assert "6 slots with 33 candidates, 4 widths with 14 numbers and 2 resolutions" in section.lead
    (table,) = section.tables
    chosen = {row[0]: row[1] for row in table.rows}
    assert chosen["resolution"] == str(run.child.resolution)


def test_a_space_without_a_network_is_drawn_at_its_largest(workdir, tmp_path):
    made_wide_workdir.write(tmp_path)
    for name in ("child.json", "search/alphas.npz"):
        (tmp_path / name).unlink()
    run = reading.read(tmp_path)
    found = places.places(run)
    assert found[-2].widths[2] == 160 and found[0].resolution == 32
    assert {one.chosen for one in places.decisions(run)} == {None}
    largest = [0] * 6 + [2, 3, 4, 1, 1]
    assert found[2].alternatives[1].ms == pytest.approx(run.latency.slots_ms(largest)[0][1])
    picture = network_section.section(run).figures[0].pictures[0]
    assert picture.count('"disc hollow"') == 33 + 14 + 2


@pytest.mark.parametrize("depth", [1, 2, 7])
def test_no_text_leaves_its_picture(tmp_path, depth):
    made_wide_workdir.write(tmp_path, depth)
    run = reading.read(tmp_path)
    pictures = network_section.section(run).figures[0].pictures
    (charts,) = [f for f in search_section.section(run).figures if f.key == "path-probabilities"]
    for picture in (*pictures, *charts.pictures):
        root = ET.fromstring(picture)
        width = float(root.get("width"))
        for text in [e for e in root.iter() if e.tag.endswith("text")]:
            x, long = float(text.get("x")), LETTER * len(text.text)
            start = x - {"start": 0.0, "middle": 0.5, "end": 1.0}[text.get("text-anchor")] * long
            assert start >= -1.0 and start + long <= width + 4.0, text.text


def test_alphas_of_the_slots_alone_are_refused(workdir, tmp_path):
    made_wide_workdir.write(tmp_path)
    np.savez(tmp_path / "search/alphas.npz", alphas=np.zeros([4, 6, 6]))
    with pytest.raises(ValueError, match=r"alphas: expected \[epochs, 11, 6\], the decisions of"):
        reading.read(tmp_path)


def test_the_whole_page_is_written(workdir):
    text = page.html([reading.read(workdir)])
    assert "width w3" in text and "nats per decision" in text
    assert re.search(r"most certain decision is [\w ]+ with \d+ %", text)


def test_a_fixed_space_says_nothing_of_sizes(tmp_path, tiny_model_file):
    run = reading.read(made_workdir.write(tmp_path, tiny_model_file))
    section = network_section.section(run)
    assert not section.tables and "width" not in section.lead
    assert places.decisions(run) == []


def test_labels_are_cut_and_keyed_only_where_they_must_be():
    assert labels.short("k5 e6 se0.25 hard_swish") == "k5 e6 se0.25 hswish"
    assert labels.fitted("k3 e3", 61, 6.1) == "k3 e3"
    assert labels.fitted("k5 e6 se0.25", 61, 6.1) == "k5 e6 se0…"
    long, short = made_wide_workdir.space(), made_workdir.space()
    operations = [op for slot in long.slots for op in slot.candidates]
    assert list(labels.keys(list(dict.fromkeys(operations))).values()) == list("abcdef")
    assert labels.keys(short.slots[-1].candidates) == {}
    assert labels._letters(26) == "aa"


def test_the_table_of_runs_names_the_sizes(run):
    (table,) = comparison.section([run, run]).tables
    assert table.rows[0][-1].endswith("; widths w1 24, w2 40, w3 48, w4 128; 64 pixels")
