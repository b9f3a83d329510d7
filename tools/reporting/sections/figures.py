"""What a page is made of: sections of figures and tables, before any of it is HTML."""

import dataclasses
import re
from collections.abc import Sequence

# Keeps a number and its unit on one line.
SPACE = "\N{NO-BREAK SPACE}"

_NUMBER = re.compile(r"(≤ |[+−])?[\d,]*\.?\d+(\s%)?|–")


@dataclasses.dataclass(frozen=True)
class Table:
    """Cells as they are read; the first of each row names it.

    Attributes:
        caption: what the table is.
        headers: one a column, with units.
        rows: cells a row.
        marked: numbers of the rows that the page is about.
    """

    caption: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    marked: Sequence[int] = ()

    @property
    def numeric(self) -> set[int]:
        """Columns that hold numbers alone, which stand to the right."""
        columns = range(1, len(self.headers))
        return {i for i in columns if all(_NUMBER.fullmatch(row[i]) for row in self.rows)}


@dataclasses.dataclass(frozen=True)
class Figure:
    """One or several pictures under one title.

    Attributes:
        key: its name within the page.
        title: what it shows.
        pictures: SVG elements, each with a text of its own.
        caption: what is to be seen, in a sentence or two.
        layout: `chart`; `chart first` where a row begins; `drawing` for a wide picture and its
            narrow form; `multiples` for many small ones.
        table: the same in numbers.
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
        figures: pictures.
        tables: numbers that no picture has.
        missing: what is not there yet and what makes it, in sentences.
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
    """One of the numbers that matter.

    Attributes:
        name: what it is.
        value: the number.
        unit: after it.
        note: what it is held against.
    """

    name: str
    value: str
    unit: str = ""
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Page:
    """A whole report.

    Attributes:
        title: of the page.
        lead: what was searched, and where.
        state: what is not finished; empty where everything is.
        headlines: the numbers that matter.
        sections: in their order.
    """

    title: str
    lead: str
    state: str
    headlines: Sequence[Headline]
    sections: Sequence[Section]


def percent(fraction: float, digits: int = 1) -> str:
    """A fraction as per cent."""
    return f"{100.0 * fraction:.{digits}f}{SPACE}%"


def signed_percent(fraction: float, digits: int = 1) -> str:
    """The same with its sign; the minus is a real one, and zero has none."""
    shown = f"{100.0 * fraction:+.{digits}f}{SPACE}%".replace("-", "−")
    return shown if re.search("[1-9]", shown) else shown[1:]


def size(num_bytes: float) -> str:
    """Bytes as people read them."""
    if num_bytes < 1e6:
        return f"{num_bytes / 1e3:,.1f}{SPACE}kB"
    return f"{num_bytes / 1e6:,.2f}{SPACE}MB"


def count(number: float) -> str:
    """A large count: `93.2 thousand`, `2.49 million`."""
    for limit, name in ((1e9, "billion"), (1e6, "million"), (1e4, "thousand")):
        if number >= limit:
            return f"{number / (limit if limit > 1e5 else 1e3):.3g}{SPACE}{name}"
    return f"{number:,.0f}"
