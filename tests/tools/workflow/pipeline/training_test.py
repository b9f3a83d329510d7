import dataclasses
import types

import pytest

from tools.workflow import presets
from tools.workflow.pipeline import training


def _settings(**changes):
    preset = dataclasses.replace(presets.PRESETS["quick"], **changes)
    return types.SimpleNamespace(preset=preset, seed=3)


@pytest.mark.parametrize(
    ("changes", "origin", "files"),
    [
        ({"init": "random"}, "scratch", []),
        ({"init": "search"}, "the weights of the search", ["search/child.keras"]),
        ({"init": "imagenet"}, "the weights of the search", ["search/child.keras"]),
        ({"init": "imagenet", "child": "efficientnet_lite0"}, "imagenet", []),
    ],
)
def test_where_the_training_of_the_child_begins(changes, origin, files):
    settings = _settings(**changes)
    assert training.origin(settings) == origin
    assert training.input_files(settings) == files


def test_a_training_from_nothing_has_the_seed_of_the_run(tmp_path):
    config, begun = training.beginning(
        _settings(init="random"), presets.PRESETS["quick"].child, tmp_path
    )
    assert config.seed == 3 and begun is None


def test_the_child_of_a_search_needs_what_the_search_left(tmp_path):
    with pytest.raises(ValueError, match="the child with the weights of its search, found none"):
        training.beginning(_settings(init="imagenet"), None, tmp_path)
