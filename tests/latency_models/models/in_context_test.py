"""Simulated machines whose truth is known: parts that behave differently inside a network."""

import numpy as np
import pytest

from latency_models.measuring import network_selection, parts
from latency_models.models import in_context
from nas.architecture import spaces

CIFAR = spaces.SPACES["cifar"]
SCALE, PER_PART_MS = 1.3, -0.001


def counts_of(children, keys):
    counts = np.zeros((len(children), len(keys)))
    for row, child in zip(counts, children, strict=True):
        for part in parts.child_parts(child):
            row[keys[part.key]] += 1
    return counts


def machine(spread, noise, networks, seed):
    """A sample of `networks` of the space `cifar`, and 200 others with their true latencies."""
    generator = np.random.default_rng(seed)
    of_space = parts.space_parts(CIFAR)
    keys = {part.key: i for i, part in enumerate(of_space)}
    alone = np.array([0.003 + part.num_macs * 2e-8 for part in of_space])
    context = 1.0 + spread * generator.standard_normal(len(alone))
    truth = SCALE * alone * context + PER_PART_MS
    measured_on = counts_of(network_selection.sample_networks(CIFAR, networks, seed), keys)
    noisy = (measured_on @ truth) * (1.0 + noise * generator.standard_normal(networks))
    choices = [
        [int(generator.integers(len(s.candidates))) for s in CIFAR.slots] for _ in range(200)
    ]
    others = counts_of([CIFAR.child(choice) for choice in choices], keys)
    return in_context.Sample(alone, measured_on, noisy, noise), others, others @ truth


def errors(sample, others, truth_ms):
    """Mean relative error on networks it has not seen: of the correction alone, and in context."""
    context, latencies = in_context.fit(sample)
    prior = np.array([context.correction.part_ms(latency) for latency in sample.alone_ms])
    return [float(np.abs(others @ x / truth_ms - 1.0).mean()) for x in (prior, latencies)]


@pytest.mark.parametrize("seed", range(3))
def test_parts_that_change_in_a_network_are_learned_from_networks(seed):
    sample, others, truth = machine(spread=0.15, noise=0.005, networks=64, seed=seed)
    corrected, learned = errors(sample, others, truth)
    assert corrected > 0.02
    assert learned < 0.01
    context, _ = in_context.fit(sample)
    assert 0.08 < context.spread < 0.25


@pytest.mark.parametrize("seed", range(3))
def test_noise_is_not_learned(seed):
    sample, others, truth = machine(spread=0.0, noise=0.05, networks=48, seed=seed)
    corrected, learned = errors(sample, others, truth)
    assert learned < 1.2 * corrected + 0.002


@pytest.mark.parametrize("seed", range(4))
def test_few_networks_are_not_taken_for_more_than_they_say(seed):
    sample, others, truth = machine(spread=0.15, noise=0.005, networks=8, seed=seed)
    corrected, learned = errors(sample, others, truth)
    assert learned <= 1.001 * corrected


def test_held_out_errors_are_those_of_networks_it_has_not_seen():
    sample, others, truth = machine(spread=0.15, noise=0.005, networks=64, seed=0)
    held_out = np.abs(in_context.held_out(sample) / sample.measured_ms - 1.0).mean()
    _, learned = errors(sample, others, truth)
    _, latencies = in_context.fit(sample)
    shown = np.abs(sample.counts @ latencies / sample.measured_ms - 1.0).mean()
    assert shown < held_out
    # Measured networks are noisy themselves.
    assert 0.5 * learned < held_out < 2.0 * learned + sample.repeat_error


def test_a_network_has_no_say_in_its_own_held_out_prediction():
    sample, _, _ = machine(spread=0.15, noise=0.005, networks=12, seed=0)
    before = in_context.held_out(sample)
    sample.measured_ms[5] *= 3.0
    after = in_context.held_out(sample)
    assert after[5] == before[5]
    assert (np.delete(after, 5) != np.delete(before, 5)).all()


def test_exact_sums_are_kept():
    sample, others, truth = machine(spread=0.0, noise=0.0, networks=8, seed=0)
    _, latencies = in_context.fit(sample)
    assert others @ latencies == pytest.approx(truth)


def test_no_part_takes_less_than_nothing():
    alone = np.array([1.0, 0.001])
    counts = np.array([[1.0, 0.0], [1.0, 1.0], [2.0, 0.0], [2.0, 2.0]])
    sample = in_context.Sample(alone, counts, np.array([1.0, 0.9, 2.0, 1.8]), 0.001)
    _, latencies = in_context.fit(sample)
    assert (latencies >= 0.0).all()
