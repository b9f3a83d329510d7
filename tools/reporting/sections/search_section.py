"""The search: probabilities, entropy, cost, loss, accuracy, rewards and evaluated networks."""

import math

import numpy as np

from tools.reporting.data.run import Run
from tools.reporting.drawing import line_chart, probability_charts, svg
from tools.reporting.drawing.line_chart import Level, Series
from tools.reporting.sections import curves, evaluated_networks, figures, quantities
from tools.reporting.sections.figures import Figure, Section, Table
from tools.terminal import console

# Titles of the accuracy figure for algorithms whose steps do not run single paths.
_ACCURACY_OF = {
    "darts": "Accuracy of the mixture",
    "one_shot": "Accuracy of all paths together",
}


def section(run: Run) -> Section:
    """Draws every figure for which the run has numbers."""
    if run.space is None:
        return Section("search", "The search", missing=["This run has no search."])
    drawn = [
        _probabilities(run),
        _entropy(run),
        _cost(run),
        _loss(run),
        _accuracy(run),
        _reward(run),
        evaluated_networks.judged(run),
        evaluated_networks.finalists(run),
    ]
    return Section(
        key="search",
        title="The search",
        lead=_lead(run),
        figures=[figure for figure in drawn if figure is not None],
        missing=_missing(run),
    )


def _lead(run: Run) -> str:
    settings = run.settings
    words = [f"Algorithm {settings.get('algorithm', 'unknown')}, seed {settings.get('seed', 0)}"]
    if run.search_epochs and settings.get("algorithm") == "random":
        words.append(f"{run.search_epochs} epochs shared by {len(run.judged)} networks")
    elif run.search_epochs:
        warmup = f", {run.warmup_epochs} of them warm-up" if run.warmup_epochs else ""
        words.append(f"{run.search_epochs} epochs{warmup}")
    if run.target:
        words.append(f"{run.target_name} {quantities.shown(run.target, run.quantity)}")
    if "search" in run.stage_seconds:
        words.append(console.duration(run.stage_seconds["search"]))
    return ", ".join(words) + "."


def _missing(run: Run) -> list[str]:
    done = int(run.search_rows[-1]["epoch"]) if run.search_rows else 0
    if not done and not run.judged:
        return ["No epoch of the search is finished yet."]
    words = []
    if run.child is None and run.search_epochs:
        words.append(
            f"{done} of {run.search_epochs} epochs are finished; the same command resumes the "
            "search."
        )
    if run.judged:
        words.append(
            "This algorithm learns no path probabilities. It chooses among the networks that it "
            "evaluated."
        )
    elif not run.has_learned:
        words.append("No path probabilities are learned yet; the warm-up trains only weights.")
    return words


def _probabilities(run: Run) -> Figure | None:
    if not run.has_learned or run.space is None:
        return None
    p = run.probabilities
    epochs = max(run.search_epochs or 0, len(p))
    chosen = run.choices
    pictures, rows = [], []
    long_names = any(probability_charts.are_long(names) for _, names in run.rows)
    for i, (title, names) in enumerate(run.rows):
        own = p[:, i, : len(names)]
        choice = None if chosen is None else chosen[i]
        pictures.append(probability_charts.draw(title, own, names, choice, epochs, long_names))
        for j, name in enumerate(names):
            cells = [f"{100 * value:.0f}" for value in own[:, j]]
            rows.append([f"{title}, {name}", *cells])
    surest = int(np.argmax(np.nanmax(p[-1], axis=1)))
    share = float(np.nanmax(p[-1], axis=1)[surest])
    per = ["per slot"]
    per += ["per width"] if run.space.widths else []
    per += ["for the resolution"] if run.space.resolution_row is not None else []
    kind = "candidate" if len(per) == 1 else "option"
    headers = [kind, *(f"epoch {i + 1}" for i in range(len(p)))]
    return Figure(
        key="path-probabilities",
        title="Path probabilities",
        pictures=pictures,
        caption=(
            f"One chart {figures.listed(per)}, from 0 to 100 %, by epoch. The coloured line is the "
            f"{kind} in the network, with its last probability; below it is named the most "
            f"probable other {kind}. The most certain decision is {run.rows[surest][0]} with "
            f"{100 * share:.0f} %."
        ),
        layout="multiples",
        table=Table("Path probabilities in %, by epoch", headers, rows),
    )


def _entropy(run: Run) -> Figure | None:
    measured = curves.points(run.search_rows, "entropy")
    if not measured or run.space is None or not run.has_learned:
        return None
    counts = run.space.option_counts
    most = sum(map(math.log, counts)) / len(counts)
    per = "slot" if len(counts) == len(run.space.slots) else "decision"
    first, last = measured[0][1], measured[-1][1]
    moved = "fell" if last < first else "rose"
    picture = line_chart.draw(
        [Series("entropy", measured, note=f"{last:.2f}")],
        f"nats per {per}",
        f"Entropy by epoch: from {first:.2f} to {last:.2f} nats per {per}; {most:.2f} is "
        "undecided.",
        epochs=_epochs(run),
        levels=[Level("undecided", most, f"{most:.2f}"), Level("decided", 0.0)],
        warmup=run.warmup_epochs,
    )
    return Figure(
        key="entropy",
        title="Entropy of the paths",
        pictures=[picture],
        caption=(
            f"It {moved} from {first:.2f} to {last:.2f} nats per {per}. At {most:.2f} all "
            f"options are equally probable; at 0 one option of every {per} is certain."
        ),
        table=curves.table("Entropy by epoch", {f"nats per {per}": measured}),
    )


def _cost(run: Run) -> Figure | None:
    quantity = run.quantity
    scale = quantities.scaled(1.0, quantity)
    expected = curves.points(run.search_rows, f"expected_{quantity}", scale)
    likeliest = curves.points(run.search_rows, f"most_probable_{quantity}", scale)
    if not expected or not run.has_learned or not any(value for _, value in expected):
        return None
    unit, name = quantities.UNITS[quantity], quantities.NAMES[quantity]
    levels, target = [], None
    if run.target:
        target = quantities.scaled(run.target, quantity)
        levels = [Level(run.target_name, target, svg.short(target))]
    series = [
        Series("expected", expected, "accent", svg.short(expected[-1][1])),
        Series("likeliest", likeliest, "ink", svg.short(likeliest[-1][1]) if likeliest else ""),
    ]
    words = f"Expected {name} {svg.short(expected[-1][1])} {unit} at the end"
    if likeliest:
        words += f"; {name} of the most probable network {svg.short(likeliest[-1][1])} {unit}"
        if target:
            off = figures.signed_percent(likeliest[-1][1] / target - 1.0)
            words += f", {off} from the {run.target_name} {svg.short(target)} {unit}"
    return Figure(
        key="expected-cost",
        title=f"Predicted {name} against the {run.target_name}" if target else f"Predicted {name}",
        pictures=[
            line_chart.draw(
                series,
                unit,
                f"{words}.",
                epochs=_epochs(run),
                levels=levels,
                warmup=run.warmup_epochs,
            )
        ],
        caption=f"{words}. The likeliest network takes the most probable option of every decision.",
        table=curves.table(
            f"Predicted {name} by epoch",
            {f"expected, {unit}": expected, f"likeliest, {unit}": likeliest},
        ),
    )


def _loss(run: Run) -> Figure | None:
    return curves.metric(
        run.search_rows,
        "loss",
        "search-loss",
        "Loss of the supernet",
        "nats",
        _epochs(run),
        run.warmup_epochs,
    )


def _accuracy(run: Run) -> Figure | None:
    return curves.metric(
        run.search_rows,
        "accuracy",
        "search-accuracy",
        _ACCURACY_OF.get(run.settings.get("algorithm", ""), "Accuracy of sampled paths"),
        "% of images",
        _epochs(run),
        run.warmup_epochs,
        scale=100.0,
    )


def _reward(run: Run) -> Figure | None:
    measured = curves.points(run.search_rows, "reward")
    if not measured:
        return None
    first, last = measured[0][1], measured[-1][1]
    words = f"Mean reward of the sampled networks: {first:.3f} at first, {last:.3f} at the end"
    settings = run.settings
    told: str | None = "accuracy alone"
    if run.target:
        # `reward_beta` is negative.
        weight = -float(settings.get("reward_beta", 0.0))
        told = {
            "absolute": f"accuracy minus {weight:g} times the latency's relative distance from "
            "the target",
            "power": "accuracy times a power of target over latency",
        }.get(settings.get("reward", ""))
    return Figure(
        key="reward",
        title="Reward of sampled networks",
        pictures=[
            line_chart.draw(
                [Series("mean", measured, note=f"{last:.3f}")],
                "reward",
                f"{words}.",
                epochs=_epochs(run),
                warmup=run.warmup_epochs,
            )
        ],
        caption=f"{words}." + (f" A reward is {told}." if told else ""),
        table=curves.table("Mean reward by epoch", {"reward": measured}),
    )


def _epochs(run: Run) -> int:
    done = int(run.search_rows[-1]["epoch"]) if run.search_rows else 0
    return max(run.search_epochs or 0, done)
