import math

import pytest

from latency_models.models import evaluation


def test_scores_of_four_hand_worked_predictions():
    # Relative errors 0, +5 %, -8 %, +20 %; one of six pairs is in the wrong order (2.4, 2.3).
    scores = evaluation.scores([1.0, 2.1, 2.3, 2.4], [1.0, 2.0, 2.5, 2.0 + 1e-9])
    assert scores["count"] == 4
    assert scores["mape"] == pytest.approx((0.0 + 0.05 + 0.08 + 0.20) / 4)
    assert scores["bias"] == pytest.approx((0.0 + 0.05 - 0.08 + 0.20) / 4)
    assert scores["within_5"] == 0.5
    assert scores["within_10"] == 0.75
    assert scores["rmse_ms"] == pytest.approx(math.sqrt((0.1**2 + 0.2**2 + 0.4**2) / 4))
    assert scores["kendall_tau"] == pytest.approx((5 - 1) / 6)


def test_kendall_tau_is_none_where_one_side_is_constant():
    assert evaluation.scores([1.0, 1.0], [1.0, 2.0])["kendall_tau"] is None
    assert evaluation.scores([1.0], [1.0])["kendall_tau"] is None


@pytest.mark.parametrize("predicted, measured", [([], []), ([1.0], [1.0, 2.0]), ([1.0], [0.0])])
def test_what_cannot_be_compared_is_refused(predicted, measured):
    with pytest.raises(ValueError, match="expected"):
        evaluation.scores(predicted, measured)
