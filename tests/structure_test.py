"""Tests of the project as a whole: its files, its dependencies, its documents."""

import ast
import functools
import graphlib
import json
import pathlib
import re
import sys
import tomllib
from importlib import metadata

import pytest

from nas.architecture import spaces, spec_json, specs

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGES = ("nas", "export", "latency_models", "tools")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TEXT_ENDINGS = {".py", ".md", ".toml", ".json", ".jsonl", ".html", ".css", ".js", ".txt", ".cfg"}

# It replaces ai-edge-litert on older devices.
UNDECLARED_IMPORTS = {"tflite_runtime"}
# It runs in another Python, and imports the packages and the released code that are there.
FOREIGN = ROOT / "tools" / "experiments" / "steps" / "reference_supernet.py"
# tensorflow-datasets imports it.
UNIMPORTED_DEPENDENCIES = {"importlib-resources"}


def _name(path):
    return str(path.relative_to(ROOT))


def _our_files():
    top = [path for path in ROOT.iterdir() if path.is_file()] + [ROOT / ".ci" / "run"]
    nested = [path for name in (*PACKAGES, "tests") for path in (ROOT / name).rglob("*")]
    for path in (*top, *nested):
        named = path.suffix in TEXT_ENDINGS or path.name in ("Makefile", "run", ".gitignore")
        if path.is_file() and named:
            yield path


def test_no_file_holds_a_path_of_one_machine():
    # Written in two parts, so that this file does not contain one.
    machine_path = re.compile("/(?:ro" + "ot|ho" + "me|wo" + "rk|Us" + r"ers)/\w")
    found = [_name(path) for path in _our_files() if machine_path.search(path.read_text("utf-8"))]
    assert not found


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_every_source_file_begins_with_a_docstring(path):
    assert ast.get_docstring(_tree(path))


@functools.cache
def _tree(path):
    return ast.parse(path.read_text("utf-8"))


@functools.cache
def _imports(path):
    return tuple(_each_import(path))


def _each_import(path):
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _modules():
    """Yields the dotted name and the path of each of our modules."""
    for path in SOURCES:
        dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        yield dotted.removesuffix(".__init__"), path


def import_graph():
    """The modules that each module imports, also in functions or for `TYPE_CHECKING`."""
    modules = dict(_modules())
    graph = {}
    for name, path in modules.items():
        graph[name] = set()
        for wanted in _imports(path):
            while wanted and wanted not in modules:
                wanted = wanted.rpartition(".")[0]
            # A module may import its own package.
            if wanted and wanted != name and not name.startswith(f"{wanted}."):
                graph[name].add(wanted)
    return graph


def circles(graph):
    """A cycle of modules that import each other, directly or indirectly; empty if there is none."""
    order = graphlib.TopologicalSorter(graph)
    try:
        order.prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


def test_imports_make_no_circle():
    assert not circles(import_graph())


def test_a_circle_would_be_found():
    graph = import_graph()
    graph["nas.architecture.specs"].add("nas.searching.search")
    assert "nas.searching.search" in circles(graph)


def test_a_room_holds_at_most_fifteen_modules_and_says_what_lives_there():
    rooms = {path.parent for path in SOURCES}
    for room in rooms:
        modules = [path for path in room.glob("*.py") if path.name != "__init__.py"]
        assert len(modules) <= 15, _name(room)
        sentence = ast.get_docstring(_tree(room / "__init__.py"))
        assert sentence and "." in sentence, _name(room)


def test_tools_holds_commands_alone():
    for path in (ROOT / "tools").glob("*.py"):
        if path.name != "__init__.py":
            assert "console.run(main)" in path.read_text("utf-8"), path.name


def test_flags_live_in_tools_alone():
    users = {_name(p) for p in SOURCES if any(name.startswith("absl") for name in _imports(p))}
    assert users
    assert all(user.startswith("tools/") for user in users)


def test_the_toolkit_that_changes_keras_is_imported_in_one_place_alone():
    users = {
        _name(path)
        for path in SOURCES
        if any(
            name.startswith(
                ("tensorflow_model_optimization", "tf_keras", "export.fine_tuning.twin")
            )
            for name in _imports(path)
        )
    }
    assert users == {"export/fine_tuning/twin.py", "export/fine_tuning/process.py"}
    top = _tree(ROOT / "export/fine_tuning/process.py").body
    imported = [ast.unparse(node) for node in top if isinstance(node, ast.ImportFrom)]
    assert imported and not any("twin" in statement for statement in imported)


def _normal(distribution):
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return {_normal(re.match(r"[\w.-]+", entry)[0]) for entry in project["dependencies"]}


def test_what_is_imported_is_declared_and_what_is_declared_is_imported():
    ours = [path for path in SOURCES if path != FOREIGN]
    tops = {name.split(".")[0] for path in ours for name in _imports(path)}
    foreign = tops - set(sys.stdlib_module_names) - set(PACKAGES) - UNDECLARED_IMPORTS
    owners = metadata.packages_distributions()
    used = {name: {_normal(owner) for owner in owners[name]} for name in foreign}
    declared = _declared()
    assert not [name for name, owners in used.items() if not owners & declared]
    assert not declared - set().union(*used.values()) - UNIMPORTED_DEPENDENCIES


def _documents():
    return sorted((*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")))


def _commands():
    """Yields document, tool and flag names of each `python -m tools.x --flag=...` in documents."""
    for document in _documents():
        text = document.read_text("utf-8").replace("\\\n", " ")
        for tool, rest in re.findall(r"python -m tools\.([a-z]\w*(?:\.\w+)*)([^`\n]*)", text):
            # A quoted value may hold the flags of another program.
            yield document.name, tool, re.findall(r"--(\w+)", re.sub(r"='[^']*'", "=", rest))


@functools.cache
def _flags(path):
    return tuple(_each_flag(path))


def _each_flag(path):
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("flags.DEFINE_"):
            yield ast.literal_eval(node.args[0])


def _flags_with_imports(path):
    """The flags of a tool and of our modules that it imports."""
    modules = dict(_modules())
    imported = {modules[name] for name in _imports(path) if name in modules}
    return {flag for module in {path, *imported} for flag in _flags(module)}


def test_readme_shows_commands():
    shown = {tool for document, tool, _ in _commands() if document == "README.md"}
    assert shown >= {"search", "train", "export_tflite"}


@pytest.mark.parametrize(("document", "tool", "used"), list(_commands()))
def test_commands_of_documents_name_tools_and_flags_that_exist(document, tool, used):
    path = ROOT / "tools" / f"{tool.replace('.', '/')}.py"
    assert path.exists()
    assert not [name for name in used if name not in _known_flags(path)]


def _known_flags(path):
    """The flags of a tool, and the negations of its switches."""
    found = _flags_with_imports(path)
    return found | {f"no{name}" for name in found} | {"help", "debug"}


def test_extras_that_documents_name_exist():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    texts = [path.read_text("utf-8") for path in (*_documents(), ROOT / "Makefile")]
    named = {name for text in texts for name in re.findall(r"'\.\[(\w+)\]'", text)}
    assert named == {"dev", "gpu", "pretrained"} == set(project["optional-dependencies"])


def test_links_of_documents_lead_to_files():
    broken = []
    for document in _documents():
        links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text("utf-8"))
        local = [link for link in links if "://" not in link]
        broken += [(document.name, n) for n in local if not (document.parent / n).exists()]
    assert not broken


def test_files_that_workspace_names_exist():
    text = (ROOT / "WORKSPACE.md").read_text("utf-8")
    named = re.findall(r"`((?:nas|export|latency_models|tools)/[\w/]*(?:\.py)?)`", text)
    assert named
    assert not [name for name in named if not (ROOT / name).exists()]


def test_the_example_spaces_of_workspace_are_spaces():
    text = (ROOT / "WORKSPACE.md").read_text("utf-8")
    examples = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    fixed, wide = (spec_json.from_dict(specs.SearchSpace, json.loads(one)) for one in examples)
    assert fixed.option_counts == (2, 3)
    assert fixed.input_shape == (28, 28, 1)
    assert wide.option_counts == (2, 3, 2, 2)


def test_workspace_has_a_row_for_every_space():
    text = (ROOT / "WORKSPACE.md").read_text("utf-8")
    section = text.partition("## A space as a file")[2].partition("```")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(spaces.SPACES)
