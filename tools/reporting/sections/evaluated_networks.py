"""Networks that a search evaluated one by one: in evolution, at random, and as finalists."""

from nas.searching.finalist_record import Finalist
from tools.reporting.data.run import Run
from tools.reporting.drawing import line_chart, scatter_chart, svg
from tools.reporting.drawing.line_chart import Series
from tools.reporting.sections import figures, quantities
from tools.reporting.sections.figures import Figure, Table
from tools.terminal import finalists_table, notation


def judged(run: Run) -> Figure | None:
    """Draws the networks that evolution or random search evaluated; None if there are none."""
    if not run.judged:
        return None
    has_cost = any(network.cost for network in run.judged)
    unit = quantities.UNITS[run.quantity]
    dots = []
    for network in run.judged:
        is_ours = run.choices == network.choices
        x = quantities.scaled(network.cost, run.quantity) if has_cost else network.round + 1.0
        y = 100.0 * network.validation_accuracy
        name = "chosen" if is_ours else ""
        dots.append(scatter_chart.Dot(x, y, name, "accent" if is_ours else "plain"))
    limit = None
    if run.target and has_cost:
        limit = (quantities.scaled(run.target, run.quantity), "limit")
    best = max(network.validation_accuracy for network in run.judged)
    words = f"{len(run.judged)} networks evaluated; the best has accuracy {figures.percent(best)}"
    picture = scatter_chart.draw(
        dots,
        f"predicted, {unit}" if has_cost else "round",
        "% of validation images",
        f"{words}.",
        limit=limit,
    )
    rows = [
        (
            " ".join(str(choice) for choice in network.choices),
            f"{network.round + 1}",
            svg.short(quantities.scaled(network.cost, run.quantity)),
            f"{100 * network.validation_accuracy:.2f}",
        )
        for network in run.judged
    ]
    headers = ("choices", "round", f"predicted, {unit}", "accuracy, %")
    return Figure(
        key="judged-networks",
        title="Evaluated networks",
        pictures=[picture],
        caption=f"{words} on the validation images. The coloured one was chosen.",
        table=Table("Evaluated networks", headers, rows),
    )


def finalists(run: Run) -> Figure | None:
    """Draws what each finalist reached in every round; None if there are none."""
    judged = [one for one in run.finalists if one.accuracies]
    if not judged:
        return None
    rounds = max(len(one.accuracies) for one in judged)
    chosen = [one for one in judged if run.choices == one.choices]
    words = f"{len(judged)} finalists, half of which dropped out in each of {rounds} rounds"
    if rounds == 1:
        words = f"{len(judged)} finalists, trained once"
    picture = line_chart.draw(
        [_series(one, one in chosen) for one in sorted(judged, key=lambda one: one in chosen)],
        "% of validation images",
        f"Accuracy by round. {words}.",
        epochs=rounds,
    )
    unit = quantities.UNITS[run.quantity]
    rows = [
        (
            finalists_table.ORIGINS[one.origin],
            notation.network(run.space, one.choices) if run.space else "",
            svg.short(quantities.scaled(one.cost, run.quantity)),
            *(f"{100 * accuracy:.2f}" for accuracy in one.accuracies),
            *([""] * (rounds - len(one.accuracies))),
        )
        for one in judged
    ]
    accuracies = [f"round {i + 1}, %" for i in range(rounds)]
    return Figure(
        key="finalists",
        title="Finalists",
        pictures=[picture],
        caption=(
            f"{words}: each trained a little on its own, from the weights of the search. The "
            "coloured one is the network found; the cross-entropy decided."
        ),
        table=Table(
            "Finalists",
            ("why", "network", f"predicted, {unit}", *accuracies),
            rows,
            [i for i, one in enumerate(judged) if one in chosen],
        ),
    )


def _series(one: Finalist, is_chosen: bool) -> Series:
    points = [(i + 1.0, 100.0 * accuracy) for i, accuracy in enumerate(one.accuracies)]
    note = f"{points[-1][1]:.1f}" if is_chosen else ""
    return Series("chosen" if is_chosen else "", points, "accent" if is_chosen else "ink", note)
