"""The public names: each is documented, and the example in its docstring runs."""

import ast
import doctest
import importlib
import inspect
import json
import pathlib
import re
import subprocess
import sys
import textwrap

import pytest

from nas import facade

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGES = ("nas", "export", "latency_models")
TABLES = {package: importlib.import_module(package).PUBLIC for package in PACKAGES}
NAMES = [f"{package}.{name}" for package, table in TABLES.items() for name in table]


def documentation(full_name):
    package, name = full_name.split(".")
    return inspect.getdoc(getattr(importlib.import_module(package), name))


def complaints(text, title):
    """What doctest says about the examples in `text`; nothing if all of them run as it says."""
    test = doctest.DocTestParser().get_doctest(text, {}, title, None, 0)
    assert test.examples
    said = []
    doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    return "".join(said)


@pytest.mark.parametrize("full_name", NAMES)
def test_the_example_of_a_public_name_runs_and_uses_it(full_name):
    _, example = documentation(full_name).split("\nExample:\n")
    assert example.startswith("    >>> import ")
    assert full_name in example
    assert example.count(">>> ") <= 10
    assert not complaints(example, full_name)


def test_the_example_of_readme_is_that_of_search_which_runs():
    text = (ROOT / "README.md").read_text("utf-8")
    (example,) = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
    _, of_search = documentation("nas.search").split("\nExample:\n")
    assert example.strip() == textwrap.dedent(of_search).strip()


def test_an_example_that_is_wrong_is_found():
    assert "Expected" in complaints(">>> 1 + 1\n3\n", "wrong")


def test_there_are_about_thirty_public_names():
    assert 25 <= len(NAMES) <= 40


def imported_for_types(package):
    """The names that the block for type checkers imports, each with its place."""
    for node in ast.parse((ROOT / package / "__init__.py").read_text("utf-8")).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for line in node.body:
                for alias in line.names:
                    own = f":{alias.name}" if alias.asname else ""
                    yield alias.asname or alias.name, f"{line.module}{own}"


@pytest.mark.parametrize("package", PACKAGES)
def test_table_and_all_and_types_agree(package):
    module, table = importlib.import_module(package), TABLES[package]
    assert module.__all__ == list(table)
    for_types = dict(imported_for_types(package))
    assert for_types.items() <= table.items()
    # The others are imported at once, or defined there.
    eager = table.keys() - for_types.keys()
    assert eager == ({"device", "load", "PhoneSettings", "LookupTable", "Regression"} & set(table))
    assert set(table) <= set(dir(module))


@pytest.mark.parametrize("full_name", NAMES)
def test_the_table_names_the_module_where_a_name_is_defined(full_name):
    package, name = full_name.split(".")
    module, own_name = facade.split(name, TABLES[package][name])
    found = getattr(importlib.import_module(package), name)
    assert (found.__module__, found.__name__) == (module, own_name)


@pytest.mark.parametrize("full_name", NAMES)
def test_no_module_has_the_name_of_a_public_name(full_name):
    # Importing the module would replace the name.
    path = ROOT / full_name.replace(".", "/")
    assert not path.exists() and not path.with_suffix(".py").exists()


def test_importing_the_packages_imports_no_framework():
    program = (
        "import json, sys, nas, export, latency_models; from nas import files, searching; "
        "nas.SearchSpace; before = sorted({'tensorflow', 'keras'} & set(sys.modules)); "
        "print(json.dumps([before, nas.files is files, nas.searching is searching]))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[], True, True]


@pytest.mark.parametrize("package", PACKAGES)
def test_an_unknown_name_lists_the_known_ones(package):
    module, table = importlib.import_module(package), TABLES[package]
    with pytest.raises(AttributeError, match=f"{package!r} has no public name 'zzz'") as caught:
        _ = module.zzz
    assert ", ".join(table) in str(caught.value)
    with pytest.raises(ImportError):
        exec(f"from {package} import zzz")


def test_a_misspelt_name_gets_a_suggestion():
    import nas

    with pytest.raises(AttributeError, match="'serch'; did you mean search"):
        _ = nas.serch
