"""The drawing of the network, with a table of its layers."""

from tools.reporting.data.places import Decision, Place, decisions, described, places
from tools.reporting.data.run import Run
from tools.reporting.drawing import architecture, narrow_architecture, svg
from tools.reporting.sections.figures import Figure, Section, Table
from tools.terminal import notation


def section(run: Run) -> Section:
    """Draws the network and its numbers, or says what is missing."""
    title = "The network" if run.child or run.network is None else "The network so far"
    found = places(run)
    if not found:
        return Section(
            key="network",
            title=title,
            missing=["There is no search space and no network yet; the search writes both."],
        )
    missing = []
    if run.network is None:
        missing = ["No network is chosen yet; this is the space with its candidates."]
    elif run.child is None:
        missing = [
            "The search is not finished; this is the most probable network after its last epoch."
        ]
    if run.latency and run.latency.note:
        missing.append(f"The latency model does not cover this space: {run.latency.note}.")
    label = f"The network from left to right. {described(found)}."
    sizes = decisions(run)
    downwards = label.replace("left to right", "top to bottom")
    pictures = [
        architecture.draw(found, sizes, label),
        narrow_architecture.draw(found, sizes, downwards),
    ]
    drawing = Figure(
        key="architecture",
        title=_title(run),
        pictures=pictures,
        caption=_caption(run, found, sizes),
        layout="drawing",
        table=_table(found),
    )
    return Section(
        key="network",
        title=title,
        lead=_lead(run),
        figures=[drawing],
        tables=[_sizes(sizes)] if sizes else [],
        missing=missing,
    )


def _title(run: Run) -> str:
    network = run.network
    if network is None:
        return "The space, layer by layer"
    depth = sum(not block.is_identity for block in network.layers)
    skipped = len(network.layers) - depth
    return f"{depth} blocks" + (f", {skipped} skipped" if skipped else "")


def _lead(run: Run) -> str:
    if run.space is None:
        return ""
    one = "One of" if run.network else "There are"
    space = run.space
    return (
        f"{one} {space.cardinality:,} networks of the space {space.name}, which has "
        f"{notation.counts(space)}."
    )


def _caption(run: Run, found: list[Place], sizes: list[Decision]) -> str:
    words = [
        "The height of a block is the square root of its channels, at its input, in its middle "
        "and at its output. k5 e3 is a 5×5 kernel with expansion 3. A line over a block is its "
        "residual connection; ÷2 halves the image's height and width."
    ]
    if run.space is not None:
        words.append("The candidates of each slot are shown below it")
        learned = any(one.probability is not None for place in found for one in place.alternatives)
        words[-1] += "; a larger disc means a higher final probability." if learned else "."
        words[-1] += " The chosen candidate is coloured."
    if sizes:
        words.append(
            "So are the options of the widths and of the resolution."
            if any(one.name == "resolution" for one in sizes)
            else "So are the options of the widths."
        )
    return " ".join(words)


def _table(found: list[Place]) -> Table:
    has_ms = any(place.ms is not None for place in found)
    has_slots = any(place.alternatives for place in found)
    headers = ["layer", "operation", "stride", "channels", "output pixels", "million MACs"]
    headers += ["predicted ms"] if has_ms else []
    headers += ["candidates"] if has_slots else []
    rows = []
    for i, place in enumerate(found):
        a, b, c = place.widths
        middle = "?" if b is None else str(b)
        is_wider = place.kind == "block" and not place.is_identity
        row = [
            f"{i + 1}, {place.kind if place.slot is None else f'slot {place.slot}'}",
            "skip" if place.is_identity else " ".join(place.words),
            str(place.stride),
            f"{a} → {middle} → {c}" if is_wider else f"{a} → {c}",
            f"{place.resolution}×{place.resolution}",
            f"{place.macs / 1e6:.3f}",
        ]
        row += [_ms(place.ms)] if has_ms else []
        row += [_alternatives(place)] if has_slots else []
        rows.append(row)
    return Table("The network, layer by layer", headers, rows)


def _sizes(sizes: list[Decision]) -> Table:
    rows = []
    for decision in sizes:
        words = []
        for one in decision.options:
            share = "" if one.probability is None else f" {100 * one.probability:.0f} %"
            words.append(f"{one.number}{share}")
        chosen = "–" if decision.chosen is None else str(decision.chosen)
        rows.append((decision.name, chosen, ", ".join(words)))
    return Table("Widths and resolution", ("decision", "chosen", "options"), rows)


def _ms(value: float | None) -> str:
    return "–" if value is None else svg.short(value)


def _alternatives(place: Place) -> str:
    words = []
    for one in place.alternatives:
        share = "" if one.probability is None else f" {100 * one.probability:.0f} %"
        words.append(f"{one.op.label}{share}")
    return ", ".join(words) or "–"
