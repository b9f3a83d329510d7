"""Refuses flags that would have no effect beside the others."""

from collections.abc import Iterable
from typing import NamedTuple

from absl import flags


class Rule(NamedTuple):
    """When some flags have an effect.

    Attributes:
        names: the flags.
        is_used: whether they have an effect in this command.
        needed: what they need, after the words "expected it".
        received: what was received instead, after the word "received".
    """

    names: Iterable[str]
    is_used: bool
    needed: str
    received: str = "it without"


def check(*rules: Rule, values: flags.FlagValues = flags.FLAGS) -> None:
    """Refuses a flag that was given and has no effect.

    Args:
        *rules: when flags have one. A name that this command does not have is left out.
        values: the parsed flags.

    Raises:
        ValueError: there is one; the message names it and what it needs.
    """
    for names, is_used, needed, received in rules:
        given = [name for name in names if name in values and values[name].present]
        if given and not is_used:
            raise ValueError(
                f"{given[0]}: expected it {needed}, received {received}; leave --{given[0]} out"
            )
