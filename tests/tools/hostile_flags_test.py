"""Every flag of every tool with hostile values: refused at once, in one line that names it."""

import pathlib

import hostile_flags
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = sorted(path.stem for path in (ROOT / "tools").glob("*.py") if path.stem != "__init__")
TOOLS += [
    "experiments.make_truth",
    "experiments.judge_search",
    "experiments.sweep_rates",
    "experiments.reward_noise",
]


@pytest.mark.parametrize("tool", TOOLS)
def test_hostile_values_are_refused_before_any_work(tool, tmp_path):
    tries, wrong = hostile_flags.complaints(tool, tmp_path)
    assert not wrong, "\n".join(wrong)
    assert tries >= 10
