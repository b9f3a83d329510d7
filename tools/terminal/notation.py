"""Networks, operations and sizes in few characters, for terminals and for names of curves."""

from collections.abc import Sequence

from nas.architecture.specs import SearchSpace


def operation(label: str) -> str:
    """Writes an operation's label without spaces: `k5e3`, or `k5_e6_se0.25_hard_swish` if long."""
    words = label.split(" ")
    return ("" if len(words) <= 2 else "_").join(words)


def network(space: SearchSpace, choices: Sequence[int]) -> str:
    """Writes a network in short form, such as `k5e3 - k3e6`; `-` is a slot that is left out.

    Widths and a resolution that were chosen follow, such as `w2=24 32px`.
    """
    words = []
    for slot, choice in zip(space.slots, choices, strict=False):
        op = slot.candidates[choice]
        is_left_out = slot.input_width == slot.output_width and slot.stride == 1
        is_left_out = is_left_out and op.kind == "skip"
        words.append("-" if is_left_out else operation(op.label))
    words += [f"{name}={number}" for name, number in widths(space, choices).items()]
    if space.resolution_row is not None:
        words.append(f"{space.resolutions[choices[space.resolution_row]]}px")
    return " ".join(words)


def widths(space: SearchSpace, choices: Sequence[int]) -> dict[str, int]:
    """Returns the number that a network has for each name of a width, in channels."""
    return {name: space.widths[name][choices[row]] for name, row in space.width_rows.items()}


def sizes(space: SearchSpace, choices: Sequence[int]) -> str:
    """Describes the chosen widths and resolution, such as `widths w1 24, w2 40; 48 pixels`.

    Empty for a space of fixed widths and resolution.
    """
    words = []
    if space.widths:
        numbers = widths(space, choices).items()
        words.append("widths " + ", ".join(f"{name} {number}" for name, number in numbers))
    if space.resolution_row is not None:
        words.append(f"{space.resolutions[choices[space.resolution_row]]} pixels")
    return "; ".join(words)


def counts(space: SearchSpace) -> str:
    """Counts the decisions of a space, such as `7 slots with 31 candidates and 2 resolutions`."""
    words = [f"{len(space.slots)} slots with {space.num_candidates} candidates"]
    if space.widths:
        options = sum(len(numbers) for numbers in space.widths.values())
        noun = "width" if len(space.widths) == 1 else "widths"
        words.append(f"{len(space.widths)} {noun} with {options} numbers")
    if space.resolution_row is not None:
        words.append(f"{len(space.resolutions)} resolutions")
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
