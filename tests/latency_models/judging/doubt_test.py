import types

import pytest

from latency_models.judging import doubt


def _said(error, noisy):
    model = types.SimpleNamespace(evaluation_={"networks": {"mape": error}})
    rows = [types.SimpleNamespace(noisy=i < noisy) for i in range(10)]
    return doubt.caution(model, rows, "rows.jsonl")


@pytest.mark.parametrize("noisy", [0, 4])
def test_a_model_that_is_near_enough_is_not_doubted(noisy):
    assert _said(0.1, noisy) is None


def test_noisy_rows_are_counted_and_their_file_is_named():
    said = _said(0.246, 4)
    assert "off by 25 %" in said and "4 of 10 rows" in said and "from rows.jsonl" in said


def test_without_noisy_rows_nothing_is_to_be_deleted():
    said = _said(0.3, 0)
    assert "off by 30 %" in said and "delete" not in said
