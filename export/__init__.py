"""Exports Keras child networks as `.tflite` files: recipes, conversion, and parity checks.

`PUBLIC` lists the names for users, which are imported when they are first used. All other modules
and names may move.
"""

from typing import TYPE_CHECKING

from nas import facade

# Each public name with its module, and what it is called there if that differs.
PUBLIC = {
    "recipe": "export.recipes",
    "convert": "export.conversion.tflite",
    "operators": "export.content.flatbuffer",
    "compare": "export.checks.parity",
    "examples_from_dataset": "export.examples:from_dataset",
    "About": "export.content.metadata",
    "export": "export.exporting",
}

__all__ = [
    "recipe",
    "convert",
    "operators",
    "compare",
    "examples_from_dataset",
    "About",
    "export",
]

if TYPE_CHECKING:
    from export.checks.parity import compare
    from export.content.flatbuffer import operators
    from export.content.metadata import About
    from export.conversion.tflite import convert
    from export.examples import from_dataset as examples_from_dataset
    from export.exporting import export
    from export.recipes import recipe
else:
    __getattr__, __dir__ = facade.lazy(__name__, PUBLIC)
