"""The recipe that is the fastest on a device: decided once, said, and kept."""

import dataclasses

import made_rows
import pytest

from latency_models.devices import DeviceError
from latency_models.measuring import block_benchmarks, parts, unmeasured
from nas.architecture import spaces
from tools.workflow import presets
from tools.workflow.pipeline import fastest_recipe
from tools.workflow.pipeline.settings import FASTEST, Settings, checked

TINY = spaces.SPACES["tiny"]
WHERE = {"device": "made", "runtime": "x", "num_threads": 1, "delegate": "none"}


def settings(**changes):
    preset = dataclasses.replace(
        presets.preset("tiny"), recipe=FASTEST, recipes=("float32", "float16", "int8"), **changes
    )
    return checked(Settings(preset, None, "local", 1, None, False, 0, 0))


class Device:
    name = "made"


class Dataset:
    num_classes, resolution, channels = 10, 28, 1


@pytest.fixture
def times(monkeypatch):
    """What a network takes in every recipe; a recipe without a time cannot run."""
    found = {"float32": 0.082, "float16": 0.083, "int8": 0.105}
    timed = []

    def benchmark_parts(wanted, space, recipe, *_, **options):
        assert options["marks_failures"]
        timed.append((recipe, [part.label for part in wanted]))
        if recipe not in found:
            raise unmeasured.NothingRuns("made: none could run")
        return [
            made_rows.row(part, found[recipe], recipe=recipe, environment=WHERE) for part in wanted
        ]

    monkeypatch.setattr(block_benchmarks, "benchmark_parts", benchmark_parts)
    monkeypatch.setattr(fastest_recipe.stages, "for_dataset", lambda network, dataset: network)
    found["timed"] = timed
    return found


def test_a_few_networks_are_timed_in_every_recipe_and_the_decision_is_kept(times, tmp_path, capsys):
    asked = settings()
    assert asked.preset.recipes == ("float32", "float16", "int8")
    assert fastest_recipe.decided(asked, tmp_path) == asked
    fastest_recipe.choose(asked, Dataset(), Device(), tmp_path)
    assert capsys.readouterr().out == (
        "  mean of 3 networks: float32 0.082 ms, float16 0.083 ms, int8 0.105 ms; the recipe is "
        "float32\n"
    )
    timed = times["timed"]
    assert [recipe for recipe, _ in timed] == ["float32", "float16", "int8"]
    assert len(timed[0][1]) == 3 and timed[0][1] == timed[2][1]
    chosen = fastest_recipe.decided(asked, tmp_path).preset
    assert (chosen.recipe, chosen.recipes) == ("float32", ("float32", "float16", "int8"))
    # With other recipes in a finished work dir, the decision stays.
    others = dataclasses.replace(asked, preset=dataclasses.replace(asked.preset, recipes=("int8",)))
    chosen = fastest_recipe.decided(others, tmp_path).preset
    assert (chosen.recipe, chosen.recipes) == ("float32", ("float32", "int8"))


def test_a_recipe_that_the_device_cannot_run_is_left_out(times, tmp_path, capsys):
    del times["float32"]
    fastest_recipe.choose(settings(), Dataset(), Device(), tmp_path)
    assert fastest_recipe.decided(settings(), tmp_path).preset.recipe == "float16"
    assert capsys.readouterr().out.startswith("  float32: made: none could run\n")
    del times["float16"], times["int8"]
    with pytest.raises(
        ValueError, match="expected one of float32, float16, int8 that made can run"
    ):
        fastest_recipe.choose(settings(), Dataset(), Device(), tmp_path)
    assert issubclass(unmeasured.NothingRuns, DeviceError)


def test_a_given_network_is_timed_itself(times, tmp_path, capsys):
    asked = settings(child="proxyless_mobile")
    space, children = fastest_recipe.networks(asked, Dataset())
    assert children == [space] and space.name == "proxyless_mobile"
    fastest_recipe.choose(asked, Dataset(), Device(), tmp_path)
    assert "mean of the network: float32" in capsys.readouterr().out


def test_between_recipes_that_are_as_fast_the_first_is_taken():
    part = parts.stem_part(TINY.child([0, 0, 0]))
    rows = {
        name: [made_rows.row(part, ms, environment=WHERE)]
        for name, ms in (("float32", 1.01), ("int8", 1.0))
    }
    found = fastest_recipe.decide(rows)
    assert found.recipe == "float32"
    assert found.text.endswith("the recipe is float32, as fast as any within 2 %")


def test_the_work_dir_keeps_what_was_asked_for():
    assert settings().as_config()["preset"]["recipe"] == FASTEST
