import statistics

import made_truth
import pytest

from tools.experiments.truth import judgement, networks, noise
from tools.experiments.truth.scores import Score

DRAWS = 20


@pytest.fixture(scope="module")
def truth(tmp_path_factory, tiny_model_file):
    folder = made_truth.write(tmp_path_factory.mktemp("truth"), tiny_model_file)
    made_truth.write(folder, tiny_model_file, target_ms=0.08)
    return networks.read(folder)


@pytest.fixture(scope="module")
def targets(truth):
    return [judgement.of_target(truth, "report", aim, DRAWS) for aim in (0.06, 0.08, None)]


def test_a_target_has_the_networks_of_its_half_and_the_noise_of_both(truth, targets):
    first, _, both = targets
    assert (first.name, both.name) == ("0.06 ms", "all")
    assert [n.row.number for n in first.networks] == [1, 3, 5, 7, 9, 11]
    assert len(both.networks) == 12
    # Twelve drawn networks were trained twice, the one of multiplied width once.
    values = [list(n.accuracies.values()) for n in truth.networks if n.row.target_ms == 0.06]
    assert first.noise == noise.noise(values)
    assert first.noise.degrees == 12
    assert 0.0 < first.ceiling < 1.0
    row = both.row()
    assert (row["target_latency_ms"], row["networks"], row["trainings"]) == (None, 12, 24)
    assert row["noise_degrees"] == 24


def test_without_repeats_tau_is_there_and_the_noise_is_not(tmp_path, tiny_model_file):
    truth = networks.read(made_truth.write(tmp_path, tiny_model_file, repeats=1))
    target = judgement.of_target(truth, "all", 0.06, DRAWS)
    assert (target.noise, target.spread, target.ceiling, target.repeats.tau) == (None,) * 4
    found = judgement.of_found(target, (9, 9, 9), {0: 0.5})
    assert found["observed_regret"] > 0.0 and found["regret"] is None
    shown = judgement.table_of_targets([target]).splitlines()[-1].split()
    assert shown[-4:] == ["-", "-", "-", "-"]
    named = {"name": "x", "predicted_latency_ms": 0.06}
    assert judgement.table_of_found([named | found]).splitlines()[-1].split()[-2:] == ["-", "-"]


def test_scores_of_searches_are_compared_at_their_target_and_at_all(targets):
    accuracy = {n.row.choices: n.mean for n in targets[0].networks}
    true = Score("true", lambda row: accuracy[row.choices], "runs/one", 0.08)
    flat = Score("flat", lambda row: 1.0)
    rows = judgement.of_scores(targets, [true, flat], DRAWS)
    assert [(row["title"], row["target_latency_ms"]) for row in rows] == [
        *(("true of runs/one", target) for target in (0.08, None)),
        *(("flat", target) for target in (0.06, 0.08, None)),
    ]
    assert [row["tau"] for row in rows[:2]] == pytest.approx([1.0, 1.0])
    assert [row["tau"] for row in rows[2:]] == [None] * 3
    lines = judgement.table_of_scores(targets, rows).splitlines()
    assert lines[0].split() == ["score", "0.06", "ms", "0.08", "ms", "all"]
    assert lines[2] == "true of runs/one        -  1.00 (1.00 to 1.00)  1.00 (1.00 to 1.00)"
    assert lines[3].split() == ["flat", "-", "-", "-"]


def test_a_found_network_is_left_out_of_those_it_is_compared_with(targets):
    target = targets[0]
    best = max(target.networks, key=lambda network: network.mean)
    inside = judgement.of_found(target, best.row.choices, best.accuracies)
    assert inside["is_drawn"] and inside["observed_regret"] == 0.0
    assert inside["observed_percentile"] == 100.0
    assert inside["regret"]["low"] >= 0.0
    outside = judgement.of_found(target, (9, 9, 9), {4: 0.55, 2: 0.57})
    assert not outside["is_drawn"]
    assert outside["accuracy"] == pytest.approx(0.56)
    assert outside["observed_regret"] == pytest.approx(best.mean - 0.56)
    assert list(outside["test_accuracies"]) == ["2", "4"]
    means = [network.mean for network in target.networks]
    known = statistics.fmean(mean < 0.56 for mean in means)
    assert outside["observed_percentile"] == pytest.approx(100.0 * known)
