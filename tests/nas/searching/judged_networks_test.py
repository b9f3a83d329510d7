import json

import pytest

from nas.searching.judged_networks import Judged, JudgedNetworks

ROUNDS = [
    [Judged((0, 1), 0.5, 3.0, 0), Judged((1, 1), 0.7, 4.0, 0)],
    [Judged((1, 0), 0.7, 2.5, 1)],
]


@pytest.fixture
def path(tmp_path):
    judged = JudgedNetworks(tmp_path / "networks.json", {"settings": {"seed": 1}})
    for networks in ROUNDS:
        judged.add_round(networks)
    return tmp_path / "networks.json"


def test_what_was_judged_is_read_again(path):
    told = []
    judged = JudgedNetworks(path, {"settings": {"seed": 1}}, told.append)
    assert judged.rounds == 2
    assert judged.networks == [*ROUNDS[0], *ROUNDS[1]]
    assert judged.best == ROUNDS[1][0]
    assert not told


def test_another_search_drops_it_and_says_so(path):
    told = []
    judged = JudgedNetworks(path, {"settings": {"seed": 2}}, told.append)
    assert (judged.rounds, judged.networks) == (0, [])
    (line,) = told
    assert "networks.json belongs to a search with other settings; starting over" in line


def test_the_file_says_where_it_comes_from(path):
    stored = json.loads(path.read_text())
    assert stored["schema_version"] == 1 and "command" in stored["provenance"]


def test_a_broken_file_is_named(path):
    path.write_text("{")
    with pytest.raises(ValueError, match=r"networks\.json: .*expected .*JSON"):
        JudgedNetworks(path, {})
