import pathlib

import pytest

from tools.experiments import finished_runs


@pytest.mark.parametrize("preset", [{}, {"init": "random"}, {"init": "search"}])
def test_a_run_that_began_with_random_weights_can_be_compared(preset):
    finished_runs.check_start({"preset": preset}, pathlib.Path("runs/mine"))


@pytest.mark.parametrize("init", ["imagenet", "other/child.keras"])
def test_a_run_that_began_with_other_weights_cannot(init):
    """Random networks begin with random weights, so nothing would be alike."""
    with pytest.raises(ValueError, match=f"mine: expected a run .* began with {init}"):
        finished_runs.check_start({"preset": {"init": init}}, pathlib.Path("runs/mine"))
