import dataclasses

import pytest

from export import recipes, support
from export.content.metadata import About
from export.examples import Examples
from latency_models.measuring import block_benchmarks
from nas.architecture import spaces
from tools.workflow import presets
from tools.workflow.pipeline.settings import Settings, checked

SPACE = spaces.SPACES["tiny"]
REASON = "no operator for int16"


@pytest.fixture
def without_depthwise(monkeypatch):
    """A recipe that cannot write a depthwise convolution."""
    monkeypatch.setitem(support.UNSUPPORTED, "depthwise", {"int16x8": REASON})


def test_every_row_names_recipes_that_exist():
    for row in support.UNSUPPORTED.values():
        assert set(row) <= set(recipes.RECIPES)
        assert all(row.values())


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_what_comes_with_the_package_is_written_by_every_recipe_that_knows_hard_swish(name):
    for network in (*spaces.SPACES.values(), *spaces.PUBLISHED_CHILDREN.values()):
        if network.name.startswith("mobilenet_v3") and name in support.UNSUPPORTED["hard_swish"]:
            with pytest.raises(ValueError, match=f"stem: the recipe {name} .*hard_swish: "):
                support.check(network, name)
        else:
            support.check(network, name)


def test_a_refusal_names_place_operation_recipe_reason_and_the_recipes_that_can(without_depthwise):
    with pytest.raises(ValueError) as refused:
        support.check(SPACE, "int16x8")
    message = str(refused.value)
    assert message.startswith("tiny, layers[0]: the recipe int16x8 cannot write mbconv k3 e1 (")
    assert f"depthwise: {REASON}" in message
    assert "float32, float16, dynamic_range, int8" in message
    assert "int16x8," not in message.partition("one of the recipes")[2]
    assert "\n" not in message


def test_an_activation_is_refused_in_stem_and_head_too(monkeypatch):
    monkeypatch.setitem(support.UNSUPPORTED, "relu6", {"int8": "x"})
    with pytest.raises(
        ValueError, match=r"tiny_child, stem: the recipe int8 cannot write the stem \(relu6"
    ):
        support.check(SPACE.first_child, "int8")
    support.check(SPACE.first_child, "float32")


def test_an_unknown_recipe_lists_the_known_ones():
    with pytest.raises(ValueError, match="recipe: expected one of float32, .*received 'int4'"):
        support.check(SPACE, "int4")


def test_an_export_is_refused_before_any_work(without_depthwise):
    from export import writing
    from export.fine_tuning import jobs

    about = About("x", ("a", "b"), SPACE.first_child)
    recipe = recipes.recipe("int16x8")
    with pytest.raises(ValueError, match="int16x8 cannot write mbconv"):
        writing.check_examples(recipe, Examples(None, None, None), about, jobs.Settings())


def test_a_benchmark_is_refused_before_any_work(without_depthwise, tmp_path):
    with pytest.raises(ValueError, match="int16x8 cannot write mbconv"):
        block_benchmarks.benchmark_space(SPACE, "int16x8", None, tmp_path / "x.jsonl", networks=2)
    assert not (tmp_path / "x.jsonl").exists()


def test_a_pipeline_is_refused_before_any_work(without_depthwise):
    preset = dataclasses.replace(presets.PRESETS["tiny"], recipes=("float32", "int16x8"))
    settings = Settings(preset, None, "local", 1, None, False, 0, 0)
    with pytest.raises(ValueError, match="tiny, layers.*: the recipe int16x8 cannot write mbconv"):
        checked(settings)
