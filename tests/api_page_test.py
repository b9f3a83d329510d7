"""docs/api.md is what the docstrings say."""

import importlib.util
import pathlib
import re

import pytest

import export
import latency_models
import nas

ROOT = pathlib.Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def page():
    found = importlib.util.spec_from_file_location("make_api", ROOT / "docs/make_api.py")
    make_api = importlib.util.module_from_spec(found)
    found.loader.exec_module(make_api)
    return make_api.page()


def test_the_page_is_up_to_date(page):
    written = (ROOT / "docs/api.md").read_text("utf-8")
    assert written == page, "run `make docs`"


def test_every_name_has_a_sentence(page):
    lines = [line.strip() for line in page.splitlines() if line.strip().startswith("- ")]
    assert len(lines) > 300
    assert not [line for line in lines if not line.split("`: ", 1)[-1].endswith((".", "?"))]


def test_the_page_begins_with_the_public_names(page):
    row = r"^\| `([\w.]+)` \| (.+[.?]) \| `([\w.]+)`(?: \(there `(\w+)`\))? \|$"
    rows = re.findall(row, page, re.M)
    places = {
        name: f"{module}:{own_name}" if own_name else module for name, _, module, own_name in rows
    }
    assert list(places.items()) == [
        (f"{package.__name__}.{name}", place)
        for package in (nas, export, latency_models)
        for name, place in package.PUBLIC.items()
    ]
    assert page.index("| `nas.SearchSpace` |") < page.index("## Command lines") < 10_000


def test_names_stand_there_with_their_signature(page):
    assert "- `child(choices, name=None) -> Child`: Returns the network with option" in page
    assert "### nas.objectives.target_latency" in page
    assert "- `tools.search`: Searches a network" in page
    assert "`_" not in page.replace("`_`", "")
