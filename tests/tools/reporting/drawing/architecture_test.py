import xml.etree.ElementTree as ET

import made_workdir
import pytest

from nas.architecture import spec_json
from tools.reporting.data import places, reading
from tools.reporting.drawing import architecture, narrow_architecture
from tools.reporting.sections import network_section


@pytest.fixture
def workdir(tmp_path, tiny_model_file):
    return made_workdir.write(tmp_path / "w", tiny_model_file)


def classes(picture):
    return [element.get("class", "") for element in ET.fromstring(picture).iter()]


def test_every_layer_has_its_operation_its_shapes_and_its_alternatives(workdir):
    run = reading.read(workdir)
    stem, first, second, third, head = places.places(run)
    assert (stem.kind, stem.words, stem.widths, stem.stride) == (
        "stem",
        ("stem", "k3"),
        (1, 8, 8),
        2,
    )
    assert (stem.resolution, first.resolution, second.resolution) == (14, 7, 4)
    assert (first.slot, first.words, first.widths) == (1, ("k5", "e3"), (8, 24, 8))
    assert (second.words, second.widths) == (("k3", "e1"), (8, 8, 16))
    assert third.is_identity and not third.has_residual and third.macs == 0
    assert (head.widths, head.slot) == ((16, 32, 32), None)
    assert [(one.op.label, one.is_chosen) for one in third.alternatives] == [
        ("k3 e1", False),
        ("k5 e3", False),
        ("skip", True),
    ]
    assert third.alternatives[2].probability == pytest.approx(0.6)
    assert first.ms == first.alternatives[1].ms == pytest.approx(first.macs * 1e-6)


def test_macs_of_the_layers_are_the_networks_but_for_its_classifier(workdir):
    run = reading.read(workdir)
    assert sum(place.macs for place in places.places(run)) + 32 * 10 == run.macs


def test_a_residual_is_drawn_and_a_skip_is_a_line_through(workdir):
    run = reading.read(workdir)
    drawn = [classes(p) for p in network_section.section(run).figures[0].pictures]
    for picture in drawn:
        assert picture.count("block chosen") == 2
        assert picture.count("block fixed") == 2
        assert picture.count("block skip") == 1
        # One disc a candidate, three of them chosen; no residual in this network.
        assert picture.count("disc") == 4 and picture.count("disc chosen") == 3
        assert picture.count("residual") == 0
    with_residual = made_workdir.space().child((1, 0, 1))
    (workdir / "summary.json").unlink()
    made_workdir.change(workdir, "child.json", **spec_json.to_dict(with_residual))
    run = reading.read(workdir)
    for picture in network_section.section(run).figures[0].pictures:
        assert classes(picture).count("residual") == 1


def test_both_pictures_say_in_words_what_they_show(workdir):
    found = places.places(reading.read(workdir))
    words = places.described(found)
    assert "stem: stem k3, stride 2, 1 to 8 channels, 14 by 14 pixels out" in words
    assert "slot 1: k5 e3, stride 2, 8 to 8 channels, 7 by 7 pixels out" in words
    assert "slot 3: skip, 16 to 16 channels" in words
    for draw in (architecture.draw, narrow_architecture.draw):
        root = ET.fromstring(draw(found, [], words))
        assert root.get("aria-label") == words
        written = " ".join(e.text for e in root.iter() if e.tag.endswith("text"))
        for word in ("k5", "e3", "skip", "stem", "head", "k3 e1", "predicted ms"):
            assert word in written


def test_a_space_without_a_network_is_drawn_open(workdir):
    for name in ("child.json", "summary.json", "search/alphas.npz"):
        (workdir / name).unlink()
    section = network_section.section(reading.read(workdir))
    assert "No network is chosen yet" in section.missing[0]
    drawn = classes(section.figures[0].pictures[0])
    assert drawn.count("block open") == 3 and drawn.count("disc hollow") == 7


def test_a_published_network_has_no_alternatives(workdir):
    (workdir / "space.json").unlink()
    run = reading.read(workdir)
    (figure,) = network_section.section(run).figures
    assert "candidates" not in figure.table.headers
    assert not [name for name in classes(figure.pictures[0]) if "disc" in name]


def test_the_table_has_a_row_a_layer(workdir):
    table = network_section.section(reading.read(workdir)).figures[0].table
    assert [row[0] for row in table.rows] == [
        "1, stem",
        "2, slot 1",
        "3, slot 2",
        "4, slot 3",
        "5, head",
    ]
    assert table.rows[1][1:5] == ["k5 e3", "2", "8 → 24 → 8", "7×7"]
    assert table.rows[3][-1] == "k3 e1 20 %, k5 e3 20 %, skip 60 %"
