"""What a truth says about scores and found networks, as rows of the result and of tables.

Accuracies, noise and regret are fractions in the result, and points of a per cent in tables.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from tools.experiments.truth import agreement, noise, standing
from tools.experiments.truth.agreement import Agreement
from tools.experiments.truth.networks import Network, Truth
from tools.experiments.truth.noise import Noise
from tools.experiments.truth.scores import Score
from tools.terminal import console


@dataclasses.dataclass(frozen=True)
class Target:
    """The networks of one target, or of all, and how much their accuracies differ.

    Attributes:
        target_ms: the target in milliseconds; None for all targets together.
        networks: the drawn networks of the half.
        noise: of one training, from both halves and the networks of multiplied width, since
            repeats say nothing about scores; None if none was repeated.
        spread: of the true accuracies of `networks`; None likewise.
        ceiling: of tau, for a score that knows the true accuracies; None likewise.
        repeats: tau between one training and another one of the same networks.
    """

    target_ms: float | None
    networks: list[Network]
    noise: Noise | None
    spread: float | None
    ceiling: float | None
    repeats: Agreement

    @property
    def name(self) -> str:
        """The target with its unit."""
        return "all" if self.target_ms is None else f"{self.target_ms:g} ms"

    def row(self) -> dict[str, Any]:
        """The target in the result."""
        return {
            "target_latency_ms": self.target_ms,
            "networks": len(self.networks),
            "trainings": sum(len(network.accuracies) for network in self.networks),
            "noise": self.noise and self.noise.deviation,
            "noise_degrees": self.noise and self.noise.degrees,
            "spread": self.spread,
            "repeats": self.repeats._asdict(),
            "ceiling": self.ceiling,
        }


def of_target(truth: Truth, half: str, target_ms: float | None, draws: int) -> Target:
    """Describes the networks of a target.

    Args:
        truth: the truth.
        half: the half of its drawn networks.
        target_ms: the target in milliseconds; None for all targets together.
        draws: draws for intervals of tau.
    """
    networks = truth.drawn(half, target_ms)
    everything = [n for n in truth.networks if target_ms in (None, n.row.target_ms)]
    found = noise.noise([_values(network) for network in everything])
    own = [_values(network) for network in networks]
    spread = ceiling = None
    if found is not None:
        spread = noise.spread(own, found)
        ceiling = noise.ceiling(spread, noise.of_means(own, found))
    repeats = [[n.accuracies.get(seed) for n in networks] for seed in truth.seeds]
    return Target(target_ms, networks, found, spread, ceiling, agreement.of_repeats(repeats, draws))


def of_scores(
    targets: Sequence[Target], judged: Sequence[Score], draws: int
) -> list[dict[str, Any]]:
    """Compares scores with the accuracies of networks; returns the rows of the result.

    The score of a search is compared at its own target and at all targets together, one without a
    search at every target.

    Args:
        targets: the targets.
        judged: the scores.
        draws: draws for intervals of tau.
    """
    rows = []
    for score in judged:
        for target in targets:
            if score.target_ms != target.target_ms and None not in (
                score.target_ms,
                target.target_ms,
            ):
                continue
            scores = [score.of(network.row) for network in target.networks]
            found = agreement.of_scores(
                scores, [network.mean for network in target.networks], draws
            )
            named = {"title": score.title, "score": score.name, "search": score.search}
            rows.append(named | {"target_latency_ms": target.target_ms, **found._asdict()})
    return rows


def of_found(
    target: Target, choices: Sequence[int], accuracies: Mapping[int, float]
) -> dict[str, Any]:
    """Compares a found network with a target's networks; returns its row of the result.

    Args:
        target: the target.
        choices: the found network.
        accuracies: of its trainings, by their seeds.
    """
    others = [n for n in target.networks if n.row.choices != tuple(choices)]
    is_drawn = len(others) < len(target.networks)
    found = standing.standing(
        list(accuracies.values()),
        [_values(network) for network in others],
        is_drawn,
        target.noise,
    )
    return {
        "choices": list(choices),
        "target_latency_ms": target.target_ms,
        "test_accuracies": {str(seed): accuracies[seed] for seed in sorted(accuracies)},
        "is_drawn": is_drawn,
        **found._asdict(),
        "regret": found.regret and found.regret._asdict(),
        "percentile": found.percentile and found.percentile._asdict(),
    }


def table_of_targets(targets: Sequence[Target]) -> str:
    """Writes the networks of each target in one line."""
    rows = []
    for target in targets:
        known = target.noise
        rows.append(
            (
                target.name,
                len(target.networks),
                sum(len(network.accuracies) for network in target.networks),
                known and f"{100 * known.deviation:.2f} ({known.degrees})",
                None if target.spread is None else f"{100 * target.spread:.2f}",
                _interval(target.repeats),
                None if target.ceiling is None else f"{target.ceiling:.2f}",
            )
        )
    headers = ["target", "networks", "trainings", "noise (degrees)", "spread", "tau of repeats"]
    return console.table([*headers, "ceiling"], rows)


def table_of_scores(targets: Sequence[Target], rows: Sequence[Mapping[str, Any]]) -> str:
    """Writes tau of every score in one line, with a column for each target."""
    by_title: dict[str, dict[float | None, str | None]] = {}
    for row in rows:
        found = Agreement(row["tau"], row["low"], row["high"])
        by_title.setdefault(row["title"], {})[row["target_latency_ms"]] = _interval(found)
    cells = [
        (title, *(of.get(target.target_ms) for target in targets)) for title, of in by_title.items()
    ]
    return console.table(["score", *(target.name for target in targets)], cells)


def table_of_found(rows: Sequence[Mapping[str, Any]]) -> str:
    """Writes the standing of every found network in one line."""
    cells = []
    for row in rows:
        regret, percentile = row["regret"], row["percentile"]
        cells.append(
            (
                row["name"],
                row["target_latency_ms"],
                row["predicted_latency_ms"],
                f"{100 * row['accuracy']:.2f} ({len(row['test_accuracies'])})",
                f"{100 * row['observed_regret']:.2f}",
                regret and _around({k: 100 * v for k, v in regret.items()}, 2),
                percentile and _around(percentile, 0),
            )
        )
    headers = ["network", "target ms", "predicted ms", "accuracy % (trainings)"]
    return console.table([*headers, "observed regret", "regret", "percentile"], cells)


def _values(network: Network) -> list[float]:
    return list(network.accuracies.values())


def _interval(found: Agreement) -> str | None:
    if found.tau is None:
        return None
    if found.low is None or found.high is None:
        return f"{found.tau:.2f}"
    return _around({"value": found.tau, "low": found.low, "high": found.high}, 2)


def _around(found: Mapping[str, float], digits: int) -> str:
    value, low, high = (f"{found[name]:.{digits}f}" for name in ("value", "low", "high"))
    return f"{value} ({low} to {high})"
