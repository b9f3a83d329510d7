"""Prepares the layers of a network for drawing: operation, shapes and alternatives of each."""

import dataclasses
import math

import numpy as np

from nas.architecture import counting
from nas.architecture.blocks import Block, Slot
from nas.architecture.operations import AnyOperation, Skip
from nas.architecture.operations.stage import downsampled
from nas.architecture.sizes import number
from nas.architecture.specs import Child, SearchSpace
from tools.reporting.data.run import Run


@dataclasses.dataclass(frozen=True)
class Alternative:
    """One candidate of a slot.

    Attributes:
        op: the operation.
        probability: its probability at the end of the search; None if none was learned.
        is_chosen: whether the network has it.
        ms: its predicted latency; None if unknown.
    """

    op: AnyOperation
    probability: float | None
    is_chosen: bool
    ms: float | None


@dataclasses.dataclass(frozen=True)
class Option:
    """One number of a width decision, or one resolution.

    Attributes:
        number: channels, or pixels.
        probability: its probability at the end of the search; None if none was learned.
        is_chosen: whether the network has it.
    """

    number: int
    probability: float | None
    is_chosen: bool


@dataclasses.dataclass(frozen=True)
class Decision:
    """A width decision, or the resolution, with its options.

    Attributes:
        name: `width w2`, or `resolution`.
        options: its options, in the order of the space.
    """

    name: str
    options: tuple[Option, ...]

    @property
    def chosen(self) -> int | None:
        """The number that the network has; None if there is no network yet."""
        return next((one.number for one in self.options if one.is_chosen), None)


@dataclasses.dataclass(frozen=True)
class Place:
    """One layer, from its input to its output.

    Attributes:
        kind: `stem`, `block` or `head`.
        slot: number of its slot, counted from 1; None for a fixed layer.
        words: its operation in one or two short lines; empty for an identity.
        widths: channels at its input, in its middle and at its output; the middle is None if no
            candidate is chosen yet.
        resolution: height and width of its output, in pixels.
        stride: 1 or 2.
        has_residual: whether the input is added to the output.
        is_identity: whether it is a skip that computes nothing.
        alternatives: the candidates of its slot; empty for a fixed layer.
        macs: multiply-accumulates for one image.
        ms: its predicted latency; None if unknown.
        width: name of the decision about its output width; None if that is fixed.
    """

    kind: str
    slot: int | None
    words: tuple[str, ...]
    widths: tuple[int, int | None, int]
    resolution: int
    stride: int
    has_residual: bool
    is_identity: bool
    alternatives: tuple[Alternative, ...] = ()
    macs: int = 0
    ms: float | None = None
    width: str | None = None


def places(run: Run) -> list[Place]:
    """Returns the layers of the run's network, or of its space if there is no network yet."""
    space = run.space and (run.space.of(run.network) if run.network else run.space.largest)
    network: Child | SearchSpace | None = run.network or space
    if network is None:
        return []
    choices = _choices(run)
    probabilities = run.probabilities[-1] if run.has_learned else None
    slots_ms = run.latency.slots_ms(choices) if run.latency and run.space else []
    stem, head = network.stem, network.head
    found = [
        Place(
            kind="stem",
            slot=None,
            words=("stem", f"k{stem.kernel_size}"),
            widths=(network.input_channels, number(stem.width), number(stem.width)),
            resolution=downsampled(network.largest_resolution, stem.stride),
            stride=stem.stride,
            has_residual=False,
            is_identity=False,
            macs=stem.stage(network.input_channels).macs(network.largest_resolution),
        )
    ]
    layers = space.layers if space else network.layers
    slot = 0
    for i, (layer, resolution) in enumerate(zip(layers, network.input_resolutions, strict=False)):
        block = network.layers[i]
        if isinstance(layer, Slot):
            slot += 1
            chosen = block if isinstance(block, Block) else None
            row = None if probabilities is None else probabilities[slot - 1]
            ms = slots_ms[slot - 1] if slots_ms else None
            found.append(_slot(layer, slot, chosen, resolution, row, ms))
        else:
            found.append(of_block(layer, resolution))
    width = number(network.layers[-1].output_width)
    found.append(
        Place(
            kind="head",
            slot=None,
            words=("head", "k1") if head.pooled_width is None else ("head", "k1, dense"),
            widths=(width, number(head.width), head.output_width),
            resolution=network.input_resolutions[-1],
            stride=1,
            has_residual=False,
            is_identity=False,
            macs=counting.chain_macs(head.stages(width), network.input_resolutions[-1]),
        )
    )
    return _with_width_names(found, run.space)


def decisions(run: Run) -> list[Decision]:
    """Returns the width decisions and the resolution decision of the run's space."""
    if run.space is None:
        return []
    probabilities = run.probabilities[-1] if run.has_learned else None
    found = []
    for row in range(len(run.space.slots), len(run.rows)):
        name, numbers = run.rows[row]
        options = tuple(
            Option(
                number=int(number),
                probability=None if probabilities is None else float(probabilities[row, j]),
                is_chosen=run.network is not None and _choices(run)[row] == j,
            )
            for j, number in enumerate(numbers)
        )
        found.append(Decision(name, options))
    return found


def _choices(run: Run) -> list[int]:
    """Returns the choices of the network; without one, those of the largest sizes."""
    if run.choices is not None:
        return list(run.choices)
    slots = len(run.space.slots) if run.space else 0
    sizes = [[int(number) for number in numbers] for _, numbers in run.rows[slots:]]
    return [0] * slots + [numbers.index(max(numbers)) for numbers in sizes]


def _with_width_names(found: list[Place], space: SearchSpace | None) -> list[Place]:
    if space is None:
        return found
    sides = [space.stem.width, *(layer.output_width for layer in space.layers), space.head.width]
    return [
        dataclasses.replace(place, width=f"width {side}") if isinstance(side, str) else place
        for place, side in zip(found, sides, strict=True)
    ]


def _slot(
    slot: Slot,
    index: int,
    chosen: Block | None,
    resolution: int,
    probabilities: np.ndarray | None,
    ms: tuple[float, ...] | None,
) -> Place:
    alternatives = tuple(
        Alternative(
            op=op,
            probability=None if probabilities is None else float(probabilities[j]),
            is_chosen=chosen is not None and op == chosen.op,
            ms=None if ms is None else ms[j],
        )
        for j, op in enumerate(slot.candidates)
    )
    if chosen is None:
        return Place(
            kind="block",
            slot=index,
            words=("?",),
            widths=(number(slot.input_width), None, number(slot.output_width)),
            resolution=downsampled(resolution, slot.stride),
            stride=slot.stride,
            has_residual=False,
            is_identity=False,
            alternatives=alternatives,
        )
    own = next((one.ms for one in alternatives if one.is_chosen), None)
    return dataclasses.replace(
        of_block(chosen, resolution), slot=index, alternatives=alternatives, ms=own
    )


def of_block(block: Block, resolution: int) -> Place:
    """Returns the place of a block, on an input of `resolution` pixels."""
    # The widest tensor between two stages; a single stage has none.
    between = [stage.output_width for stage in block.stages[:-1]]
    middle = max(between, default=number(block.output_width))
    return Place(
        kind="block",
        slot=None,
        words=() if block.is_identity else tuple(block.op.label.split()),
        widths=(number(block.input_width), middle, number(block.output_width)),
        resolution=downsampled(resolution, block.stride),
        stride=block.stride,
        has_residual=block.has_residual,
        is_identity=block.is_identity,
        macs=counting.block_macs(block, resolution),
    )


def half_widths(found: list[Place], most: float) -> list[tuple[float, float, float]]:
    """Returns half the drawn thickness of each place at its input, in its middle and at its output.

    It grows with the square root of the number of channels, and `most` is the largest. In a slot
    without a chosen candidate, the middle is as thick as the thicker end.
    """
    widths = [
        (a, max(a, c) if b is None else b, c) for a, b, c in (place.widths for place in found)
    ]
    scale = most / math.sqrt(max(max(three) for three in widths))
    return [
        (scale * math.sqrt(a), scale * math.sqrt(b), scale * math.sqrt(c)) for a, b, c in widths
    ]


def candidates(found: list[Place]) -> list[AnyOperation]:
    """Returns every candidate once, the skip last."""
    operations = dict.fromkeys(one.op for place in found for one in place.alternatives)
    return sorted(operations, key=lambda op: isinstance(op, Skip))


def described(found: list[Place]) -> str:
    """Describes the network in words, layer by layer."""
    lines = []
    for place in found:
        name = place.kind if place.slot is None else f"slot {place.slot}"
        if place.is_identity:
            what = "skip"
        elif place.widths[1] is None:
            what = "not chosen yet"
        else:
            what = " ".join(place.words) + (" with residual" if place.has_residual else "")
        stride = f", stride {place.stride}" if place.stride > 1 else ""
        a, _, c = place.widths
        size = f"{a} to {c} channels, {place.resolution} by {place.resolution} pixels out"
        lines.append(f"{name}: {what}{stride}, {size}")
    return "; ".join(lines)
