"""From the seconds of a few steps to those of a search."""

import dataclasses

from tools.workflow import trial_steps

# A second for weights, three where alpha learns too.
TRIAL = trial_steps.Trial(5.0, 1.0, 3.0, 9, 1, None)


def test_only_every_so_manyth_step_of_the_search_learns_alpha():
    # Ten of the warm-up; of seven, the first, third, fifth and last.
    assert TRIAL.seconds_of(10, 7, arch_period=2) == 17.0 + 4 * 2.0
    assert TRIAL.seconds_of(0, 7, arch_period=1) == 7 * 3.0
    assert TRIAL.seconds_of(10, 0, arch_period=2) == 10.0


def test_without_learning_all_steps_are_alike():
    trial = dataclasses.replace(TRIAL, both_steps_seconds=None)
    assert trial.seconds_of(10, 7, arch_period=2) == 17.0
