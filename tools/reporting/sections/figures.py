"""The elements of a page as plain data: sections, figures, tables and headlines."""

import dataclasses
import re
from collections.abc import Sequence

# Keeps a number and its unit on one line.
SPACE = "\N{NO-BREAK SPACE}"

_NUMBER = re.compile(r"(≤ |[+−])?[\d,]*\.?\d+(\s%)?|–")


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of texts; the first cell of each row names the row.

    Attributes:
        caption: title of the table.
        headers: one per column, with units.
        rows: the cells of each row.
        marked: indices of the rows to highlight.
    """

    caption: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    marked: Sequence[int] = ()

    @property
    def numeric(self) -> set[int]:
        """Indices of columns with only numbers, which are aligned to the right."""
        columns = range(1, len(self.headers))
        return {i for i in columns if all(_NUMBER.fullmatch(row[i]) for row in self.rows)}


@dataclasses.dataclass(frozen=True)
class Figure:
    """One or several pictures under one title.

    Attributes:
        key: its name within the page.
        title: what it shows.
        pictures: SVG elements, each with its own text for screen readers.
        caption: a sentence or two about what the pictures show.
        layout: `chart`; `chart first` to start a new row; `drawing` for a wide picture and its
            narrow form; `multiples` for many small pictures.
        table: the same data in numbers.
    """

    key: str
    title: str
    pictures: Sequence[str]
    caption: str
    layout: str = "chart"
    table: Table | None = None


@dataclasses.dataclass(frozen=True)
class Section:
    """One part of a page.

    Attributes:
        key: its name within the page.
        title: its heading.
        lead: a sentence below the heading.
        figures: the figures.
        tables: tables without a figure.
        missing: sentences about missing data and how to make it.
        commands: lines for a terminal.
    """

    key: str
    title: str
    lead: str = ""
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
    missing: Sequence[str] = ()
    commands: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class Headline:
    """A main number at the top of the page.

    Attributes:
        name: what the number is.
        value: the number.
        unit: the unit after the number.
        note: further numbers to compare it with.
    """

    name: str
    value: str
    unit: str = ""
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Page:
    """A whole report.

    Attributes:
        title: title of the page.
        lead: what was searched, and for which device.
        state: what is not finished; empty if everything is.
        headlines: the main numbers.
        sections: the sections in order.
    """

    title: str
    lead: str
    state: str
    headlines: Sequence[Headline]
    sections: Sequence[Section]


def percent(fraction: float, digits: int = 1) -> str:
    """Formats a fraction in percent."""
    return f"{100.0 * fraction:.{digits}f}{SPACE}%"


def signed_percent(fraction: float, digits: int = 1) -> str:
    """Formats a fraction in percent with its sign, a true minus; zero has no sign."""
    shown = f"{100.0 * fraction:+.{digits}f}{SPACE}%".replace("-", "−")
    return shown if re.search("[1-9]", shown) else shown[1:]


def size(num_bytes: float) -> str:
    """Formats a number of bytes in kB or MB."""
    if num_bytes < 1e6:
        return f"{num_bytes / 1e3:,.1f}{SPACE}kB"
    return f"{num_bytes / 1e6:,.2f}{SPACE}MB"


def listed(words: Sequence[str], joint: str = "and") -> str:
    """Joins words to `a, b and c`."""
    return f" {joint} ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def count(number: float) -> str:
    """Formats a large count in words, such as `93.2 thousand` or `2.49 million`."""
    for limit, name in ((1e9, "billion"), (1e6, "million"), (1e4, "thousand")):
        if number >= limit:
            return f"{number / (limit if limit > 1e5 else 1e3):.3g}{SPACE}{name}"
    return f"{number:,.0f}"
