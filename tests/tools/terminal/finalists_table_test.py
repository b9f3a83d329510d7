from nas.searching.finalist_record import Finalist, Record
from tools.terminal import finalists_table


def one(origin, *losses):
    return Finalist((0, 1), origin, 0.0367, tuple(1.0 - loss for loss in losses), losses)


def test_the_longest_trained_are_first_in_80_columns():
    finalists = (one("draw", 0.5), one("estimate", 0.4, 0.3), one("most work", 0.3, 0.2))
    told = finalists_table.table(Record(2, finalists, {}, {}), "ms")
    lines = told.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split("  ")[0] for line in lines[2:]] == [
        "most work at this cost",
        "best by the estimate",
        "possible by the estimate",
    ]
    assert lines[2].endswith("70.0 80.0") and lines[4].endswith("50.0")


def test_a_single_one_was_no_choice():
    told = finalists_table.table(Record(0, (one("estimate"),), {}, {}), "ms")
    assert told == "  finalists: no second network that meets the target was found"
