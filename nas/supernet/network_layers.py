"""The layers of a supernet: for each a mixed op, and the decisions that it depends on."""

import functools
from collections.abc import Callable, Mapping
from typing import NamedTuple

from nas.architecture.blocks import Slot
from nas.architecture.decisions import LayerRows
from nas.architecture.sizes import resolved
from nas.architecture.specs import SearchSpace
from nas.pretrained.adapting import Seed
from nas.supernet.candidates.fresh_weights import Chain
from nas.supernet.candidates.mixed_op import MixedOp

Width = int | str
# The candidates of a layer, given a number for each name of its widths.
Candidates = Callable[[Mapping[str, int]], list[Chain]]


class NetworkLayer(NamedTuple):
    """One layer of a supernet.

    Attributes:
        op: its candidates; one if its operation is fixed.
        rows: the rows of its decisions.
    """

    op: MixedOp
    rows: LayerRows


def layers_of(
    space: SearchSpace, seed: int, synchronized: bool, pretrained: Seed | None = None
) -> list[NetworkLayer]:
    """Returns the stem, the layers and the head of a supernet, and last its pooled layer if any.

    The pooled dense layer is a part of the head, unless a width between them is a decision.

    Args:
        space: the space.
        seed: seed of the fresh weights.
        synchronized: whether training normalizes by the moments of the batch of all replicas.
        pretrained: the network whose weights the candidates begin with; fresh ones if not given.
    """
    slots = iter(range(len(space.slots)))
    found: list[NetworkLayer] = []

    def add(
        name: str,
        before: Width | None,
        after: Width | None,
        make: Candidates,
        number: int,
        first: int = 0,
    ):
        # The pooled layer is a part of the head, which is the seed's last chain.
        place = min(number, len(space.layers) + 1)
        begin = functools.partial(pretrained.chain, place, first=first) if pretrained else None
        sides = _name(before), _name(after)
        numbers = space.widths.get(sides[0] or ""), space.widths.get(sides[1] or "")
        grid = _grid(space, *sides, make)
        op = MixedOp(grid, (seed, number), numbers, synchronized, begin, name=name)
        operation = next(slots) if op.num_candidates > 1 else None
        rows = [space.width_rows.get(side or "") for side in sides]
        found.append(NetworkLayer(op, LayerRows(operation, *rows)))

    def stem(widths: Mapping[str, int]) -> list[Chain]:
        return [Chain((space.stem.at(widths).stage(space.input_channels),))]

    def candidates(i: int) -> Candidates:
        def make(widths: Mapping[str, int]) -> list[Chain]:
            layer = space.layers[i].at(widths)
            blocks = layer.blocks if isinstance(layer, Slot) else (layer,)
            return [Chain(block.stages, block.has_residual) for block in blocks]

        return make

    last, head = space.layers[-1].output_width, space.head
    others = {name: numbers[0] for name, numbers in space.widths.items()}

    def head_part(part: slice) -> Candidates:
        def make(widths: Mapping[str, int]) -> list[Chain]:
            chosen = {**others, **widths}
            return [Chain(head.at(chosen).stages(resolved(last, chosen))[part])]

        return make

    add("stem", None, space.stem.width, stem, 0)
    for i, layer in enumerate(space.layers):
        add(f"layer{i:02d}", layer.input_width, layer.output_width, candidates(i), i + 1)
    count = len(space.layers)
    is_split = isinstance(head.width, str) or isinstance(head.pooled_width, str)
    if head.pooled_width is None or not is_split:
        add("head", last, head.width, head_part(slice(None)), count + 1)
    else:
        add("head", last, head.width, head_part(slice(1)), count + 1)
        # The seed between is that of the classifier and alpha.
        add("pooled", head.width, head.pooled_width, head_part(slice(1, None)), count + 3, 1)
    return found


def _name(width: Width | None) -> str | None:
    return width if isinstance(width, str) else None


def _grid(space: SearchSpace, before: str | None, after: str | None, make: Candidates) -> list:
    """Returns every candidate at every width before and after a layer.

    If both sides have one decision, there is one width after each.
    """
    befores = (None,) if before is None else space.widths[before]
    afters = (None,) if after is None or after == before else space.widths[after]
    cells = [
        [make({k: v for k, v in ((after, b), (before, a)) if k and v is not None}) for b in afters]
        for a in befores
    ]
    return [[[cell[j] for cell in row] for row in cells] for j in range(len(cells[0][0]))]
