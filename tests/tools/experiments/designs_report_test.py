import pytest

from tools.experiments import comparison_report, designs_report
from tools.experiments.comparison_report import Milliseconds


def search(target, target_ms, seed, accuracies):
    return {
        "target": target,
        "target_latency_ms": target_ms,
        "seed": seed,
        "measured_latency_ms": target_ms + 0.001 * seed,
        "predicted_latency_ms": target_ms,
        "test_accuracies": accuracies,
    }


SEARCHES = [search(0.02, 0.02, 0, [0.6, 0.62]), search(0.02, 0.02, 2, [0.61, 0.65])]


def test_the_table_has_mean_spread_and_number_of_trainings():
    row = designs_report.searched_row(0.02, [*SEARCHES, search(0.03, 0.03, 0, [0.9])])
    assert row["searched_latency_ms"] == pytest.approx(0.021)
    assert row["searched_accuracies"] == [0.6, 0.62, 0.61, 0.65]
    for design, accuracies in (("width", [0.5, 0.52]), ("v3", [0.55])):
        row |= {f"{design}_multiplier": 0.85, f"{design}_latency_ms": 0.0204}
        row[f"{design}_accuracies"] = accuracies
    lines = designs_report.table([row]).splitlines()
    cells = {line[11:29].strip(): line.split() for line in lines[-3:]}
    assert cells["searched"][-3:] == ["62.00", "2.16", "4"]
    assert cells["multiplied width"][-6:] == ["x", "0.85", "0.0204", "51.00", "1.41", "2"]
    assert cells["MobileNetV3 style"][-3:] == ["55.00", "–", "1"]


def test_targets_in_milliseconds_have_folders_and_flags_of_their_own():
    target = Milliseconds("0.02")
    assert comparison_report.target_text(target) == "0.02 ms"
    assert comparison_report.folder("darts", target, 1) == "darts/target_0.02ms/seed_1"
    assert comparison_report.target_flag(target) == "target_latency_ms"
    assert comparison_report.folder("darts", 0.5, 0) == "darts/target_0.5/seed_0"
    assert comparison_report.target_flag(0.5) == "target_latency"
