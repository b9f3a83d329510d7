"""docs/extending.md, every section of it carried out as it stands in a copy of the source tree."""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import processes
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
COPIED = ("nas", "export", "latency_models", "tools", "tests", "pyproject.toml")
TITLES = (
    "An operation",
    "An activation",
    "A kind of stage",
    "A space",
    "An algorithm",
    "A latency model",
    "A device",
)

# Runs on this machine what the real one would run on another, by a shell as it does there.
SSH = """#!/bin/sh
shift
PATH="{bin}:$PATH" exec sh -c "$*"
"""

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


def section(title):
    page = (ROOT / "docs/extending.md").read_text("utf-8")
    (text,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", page, re.M | re.S)
    return text


def blocks(text):
    """Each block of code: the path that was named last before it, how it applies, its lines."""
    for match in re.finditer(r"^```(python|diff)\n(.*?)^```$", text, re.M | re.S):
        before = text[: match.start()]
        *_, path = re.findall(r"`([\w/]+\.py)`", before)
        sentence = before[before.rindex("\n\n", 0, -2) :] if "\n\n" in before[:-2] else before
        how = "append" if re.search(r"(?i)at\s+the\s+end\s+of", sentence) else match[1]
        yield path, how, match[2]


def apply(root, path, how, content):
    file = root / path
    if how == "python":
        assert not file.exists(), path
        file.write_text(content)
    elif how == "append":
        file.write_text(f"{file.read_text()}\n\n{content}")
    else:
        file.write_text(patched(file.read_text(), content, path))


def patched(text, diff, path):
    """`text` after a diff without line numbers, each piece of which must occur exactly once."""
    for hunk in diff.split("@@\n"):
        lines = hunk.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if line[0] in " -")
        new = "".join(line[1:] for line in lines if line[0] in " +")
        # A line that only comes stands before the next one.
        assert text.count(old) == 1, (path, hunk)
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize("title", TITLES)
def test_a_section_makes_what_passes_the_contract_of_its_kind(title, tmp_path):
    for name in COPIED:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", ".*")
            shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, tmp_path / name)
    found = list(blocks(section(title)))
    assert len(found) >= 2
    for block in found:
        apply(tmp_path, *block)
    (tmp_path / "bin").mkdir()
    ssh = tmp_path / "bin/ssh"
    ssh.write_text(SSH.format(bin=pathlib.Path(sys.executable).parent))
    ssh.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    environment.pop("PYTEST_ADDOPTS", None)

    def run(module, *arguments):
        done = processes.run_copy(module, *arguments, cwd=tmp_path, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    commands = re.findall(r"^    python -m (pytest .*)$", section(title), re.M)
    assert commands
    for command in commands:
        summary = run(*shlex.split(command)).splitlines()[-1]
        assert re.search(r"[1-9]\d* passed", summary), summary
    changed = {path for path, _, _ in found}
    for check in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *check, *changed]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_page_has_these_sections_and_no_other():
    page = (ROOT / "docs/extending.md").read_text("utf-8")
    assert re.findall(r"^## (.*)$", page, re.M) == list(TITLES)
