import json

import pytest

from tools.experiments import comparison_report


def row(algorithm, seed, accuracy, target=0.5):
    return {
        "algorithm": algorithm,
        "target": target,
        "seed": seed,
        "test_accuracy": accuracy,
        "test_accuracies": [accuracy],
        "target_latency_ms": 2.0,
        "predicted_latency_ms": 2.02,
        "argmax_latency_ms": None,
        "entropy": 0.5,
        "search_seconds": 60.0,
        "search_cpu_seconds": 110.0,
        "peak_mib": 900.0,
        "choices": "k3 e3",
    }


ROWS = [
    *(row("darts", seed, accuracy) for seed, accuracy in enumerate((0.70, 0.72, 0.77))),
    *(row("random", seed, accuracy) for seed, accuracy in enumerate((0.69, 0.70, 0.74))),
]


def test_the_gain_is_paired_by_seed_with_its_interval_by_hand():
    mean, half = comparison_report.gain(ROWS, "darts", 0.5)
    # Differences 1, 2, 3 points: mean 2, deviation 1, t(2) = 4.3027, so 4.3027 / sqrt(3).
    assert mean == pytest.approx(0.02)
    assert half == pytest.approx(0.024842, rel=1e-4)


def test_all_algorithms_tell_together_how_much_accuracies_vary_by_hand():
    """A third algorithm at 70, 71, 72: its rest with each of the others' counts too."""
    third = [row("one_shot", seed, accuracy) for seed, accuracy in enumerate((0.70, 0.71, 0.72))]
    mean, half = comparison_report.gain([*ROWS, *third], "darts", 0.5)
    # Means of darts, random, one_shot 73, 71, 71; of seeds 69.667, 71, 74.333; of all 71.667.
    # Rests in points: -1, -1/3, 4/3; 0, -1/3, 1/3; 1, 2/3, -5/3. Squares sum to 22/3.
    # Four degrees of freedom, t = 2.7764: 2.7764 * sqrt(2 * 22/3 / 4 / 3) = 3.0695.
    assert mean == pytest.approx(0.02)
    assert half == pytest.approx(0.030695, rel=1e-4)


def test_a_seed_counts_when_all_its_children_are_trained():
    rows = [*ROWS, row("one_shot", 0, 0.5), row("one_shot", 1, 0.5), row("one_shot", 2, None)]
    assert comparison_report.gain(rows, "darts", 0.5)[0] == pytest.approx(0.015)


def test_one_seed_has_no_interval_and_no_baseline_no_gain():
    assert comparison_report.gain(ROWS[:1] + ROWS[3:4], "darts", 0.5) == (pytest.approx(0.01), None)
    assert comparison_report.gain(ROWS[:3], "darts", 0.5) is None
    assert comparison_report.gain(ROWS, "darts", 0.3) is None


def test_the_table_has_means_and_the_file_every_search(tmp_path, capsys):
    comparison_report.write(ROWS, {"space": "cifar"}, tmp_path)
    shown = capsys.readouterr().out
    line = next(text for text in shown.splitlines() if "darts" in text)
    assert "73.00" in line and "+2.00 +- 2.48" in line
    found = json.loads((tmp_path / "comparison.json").read_text())
    assert found["searches"] == ROWS and found["settings"] == {"space": "cifar"}
    assert [entry["seeds"] for entry in found["summary"]] == [3, 3]


def test_one_line_says_how_far_off_the_target_it_is():
    assert "+1.0 % from the target" in comparison_report.line(ROWS[0])
    assert "accuracy 70.00 %" in comparison_report.line(ROWS[0])
