"""Writes docs/api.md from the docstrings, without importing what it describes; `make docs` runs it.

python docs/make_api.py
"""

import ast
import pathlib
import re
from collections.abc import Iterator

import griffe

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "api.md"
PACKAGES = ("nas", "export", "latency_models")

_TOP = """# API

Written by `make docs` from the docstrings, which have the details: shapes, units, errors. The map
of what belongs to what is [WORKSPACE.md](../WORKSPACE.md).

## Public names

Import these, for example with `import nas`. Each has an example in its docstring: see
`help(nas.search)`. They keep their names. All other names on this page, modules included, may move.

| name | what it is | module |
|---|---|---|
"""

_COMMANDS = """
## Command lines

`python -m tools.NAME --help` lists the flags of each:

"""


def page() -> str:
    """The whole page."""
    loader = griffe.GriffeLoader(search_paths=[ROOT], docstring_parser="google")
    tools = loader.load("tools")
    lines = [
        f"- `tools.{name}`: {_sentence(module)}\n"
        for name, module in sorted(_own(tools))
        if "main" in module.members
    ]
    packages = [loader.load(name) for name in PACKAGES]
    public = [line for package in packages for line in _public(package)]
    for package in packages:
        lines += _package(package)
    return "".join([_TOP, *public, _COMMANDS, *lines])


def _public(package: griffe.Module) -> Iterator[str]:
    """A row for each name in the package's table `PUBLIC`."""
    for name, place in ast.literal_eval(str(package["PUBLIC"].value)).items():
        module, _, own_name = place.partition(":")
        below = module.removeprefix(package.name).lstrip(".")
        found = package[f"{below}.{own_name or name}".lstrip(".")]
        called = f" (there `{own_name}`)" if own_name else ""
        yield f"| `{package.name}.{name}` | {_sentence(found)} | `{module}`{called} |\n"


def _package(package: griffe.Module) -> Iterator[str]:
    yield f"\n## {package.name}\n\n{_sentence(package)}\n"
    for module in _modules(package):
        names = list(_names(module))
        if module is not package:
            yield f"\n### {module.path}\n\n{_sentence(module)}\n"
        if names:
            yield "\n"
            yield from names


def _modules(module: griffe.Module) -> Iterator[griffe.Module]:
    """Itself, then all below it, in the order of their names."""
    yield module
    for _, child in sorted(_own(module)):
        yield from _modules(child)


def _own(module: griffe.Module) -> Iterator[tuple[str, griffe.Module]]:
    """Modules inside it; those it imports are aliases."""
    yield from ((n, m) for n, m in module.members.items() if not m.is_alias and m.is_module)


def _names(module: griffe.Module) -> Iterator[str]:
    """A line for each public class and function that is defined there, and for its methods."""
    for name, member in module.members.items():
        if member.is_alias or name.startswith("_"):
            continue
        if member.is_function:
            yield f"- `{_call(member)}`: {_sentence(member)}\n"
        elif member.is_class:
            yield f"- `{_call(member)}`: {_sentence(member)}\n"
            for own, method in member.members.items():
                is_property = "property" in method.labels
                if not own.startswith("_") and (method.is_function or is_property):
                    text = own if is_property else _call(method)
                    yield f"  - `{text}`: {_sentence(method)}\n"


def _call(member: griffe.Object) -> str:
    """Name and parameters, without types; what is returned, where that is said."""
    given = [p for p in member.parameters if p.name not in ("self", "cls")]
    names = []
    for parameter in given:
        prefix = {"variadic positional": "*", "variadic keyword": "**"}.get(parameter.kind.value)
        default = "" if prefix or parameter.default is None else f"={parameter.default}"
        names.append(f"{prefix or ''}{parameter.name}{default if len(default) < 20 else '=...'}")
    keywords = [i for i, p in enumerate(given) if p.kind.value == "keyword-only"]
    if keywords and not any(p.kind.value == "variadic positional" for p in given):
        names.insert(keywords[0], "*")
    if member.is_class and not given:
        fields = [n for n, m in member.members.items() if m.is_attribute]
        is_tuple = any(str(base).endswith("NamedTuple") for base in member.bases)
        return f"{member.name}({', '.join(fields)})" if is_tuple else member.name
    returned = getattr(member, "returns", None)
    arrow = f" -> {returned}" if returned is not None and str(returned) != "None" else ""
    return f"{member.name}({', '.join(names)}){arrow}"


def _sentence(member: griffe.Object) -> str:
    """The first sentence of its docstring."""
    if member.docstring is None:
        return ""
    first = " ".join(member.docstring.value.split("\n\n")[0].split())
    # A dot within a name or a number ends no sentence.
    return re.split(r"(?<=[.?]) (?=[A-Z`])", first)[0].rstrip(":")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
