import dataclasses
import json

import pytest

from nas.searching import finalist_record, finalists
from nas.searching.finalist_record import Finalist, Record


def one(*losses):
    return Finalist((len(losses), 0), "draw", 1.0, (0.5,) * len(losses), losses)


def test_before_the_first_round_all_are_left():
    assert Record(0, (one(), one(), one()), {}, {}).left == [0, 1, 2]


def test_the_half_with_the_smaller_losses_stays_the_best_first():
    five = tuple(one(loss) for loss in (0.3, 0.1, 0.5, 0.2, 0.4))
    assert Record(1, five, {}, {}).left == [1, 3, 0]
    # Only those that took part in the last round; equal ones in their order.
    three = (one(0.3, 0.25), one(0.1, 0.25), one(0.5), one(0.2, 0.26), one(0.4))
    assert Record(2, three, {}, {}).left == [0, 1]
    last = (one(0.3, 0.25, 0.2), one(0.1, 0.25, 0.1), one(0.5), one(0.2, 0.26), one(0.4))
    assert Record(3, last, {}, {}).left == [1]


def test_a_search_without_finalists_has_no_record(tmp_path):
    assert finalist_record.read(tmp_path) is None


@pytest.mark.parametrize(
    ("change", "place"),
    [({"rounds": -1}, "rounds"), ({"finalists": [{"choices": [0]}]}, r"finalists\[0\].origin")],
)
def test_another_form_is_refused_by_its_place(tmp_path, change, place):
    record = dataclasses.asdict(Record(1, (one(0.5),), {}, {}))
    path = tmp_path / finalist_record.FILE_NAME
    path.write_text(json.dumps(record))
    assert finalist_record.read(tmp_path) == Record(1, (one(0.5),), {}, {})
    path.write_text(json.dumps(record | change))
    with pytest.raises(
        ValueError, match=rf"finalists.json: {place}: expected .*; put a whole copy back"
    ):
        finalist_record.read(tmp_path)


@pytest.mark.parametrize(
    ("count", "first", "total"),
    [(1, 3, 0), (2, 1, 2), (3, 1, 3 + 2 * 2), (8, 1, 8 + 4 * 2 + 2 * 4), (5, 2, 10 + 12 + 16)],
)
def test_epochs_of_all_trainings(count, first, total):
    assert finalists.total_epochs(count, first) == total
