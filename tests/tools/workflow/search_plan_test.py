"""The size of a space in words, with its widths and resolutions."""

import made_wide_workdir
import made_workdir

from tools.workflow import search_plan


def test_a_space_with_widths_is_described_with_all_its_decisions():
    space = made_wide_workdir.space()
    text = search_plan.space_text(space)
    start = "wide: 48x48 or 64x64 pixels, 10 classes; 6 slots with 33 candidates, 4 widths with 14 "
    assert text.startswith(f"{start}numbers and 2 resolutions give 6,480,000 networks of ")
    assert text.endswith(" weights")


def test_a_fixed_space_is_described_by_its_slots():
    text = search_plan.space_text(made_workdir.space())
    assert "28x28 pixels, 10 classes; 3 slots with 7 candidates give 12 networks of " in text
