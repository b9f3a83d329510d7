"""What `make install` says to each Python; none of these installs anything."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
SUPPORTED = ["3.11", "3.12", "3.13"]

# A Python that says it is of another version, perhaps without venv, and makes no environment.
STAND_IN = """
import sys
if sys.argv[1] == "-c":
    sys.version_info = ({version}, 0, "final", 0)
    if not {has_venv}:
        sys.modules["ensurepip"] = None
    exec(sys.argv[2])
else:
    print("{version_name} was called:", *sys.argv[1:])
    sys.exit(1)
"""


def stand_in(path, version, has_venv=True):
    path.parent.mkdir(parents=True, exist_ok=True)
    code = path.with_name(f"{path.name}_code.py")
    numbers = version.replace(".", ", ")
    code.write_text(STAND_IN.format(version=numbers, version_name=version, has_venv=has_venv))
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I "{code}" "$@"\n')
    path.chmod(0o755)
    return path


def install(tmp_path, *variables):
    """Output of `make install` where no Python is in the path but those in `bin`."""
    make = shutil.which("make")
    assert make, "apt-get install make"
    done = subprocess.run(
        [make, "install", f"VENV={tmp_path / 'venv'}", *variables],
        cwd=ROOT,
        env={"PATH": str(tmp_path / "bin"), "LANG": "C"},
        capture_output=True,
        text=True,
    )
    assert done.returncode
    return done.stdout, done.stderr.splitlines()


@pytest.mark.parametrize("version", SUPPORTED)
def test_a_supported_python_makes_the_environment(version, tmp_path):
    python = stand_in(tmp_path / "python", version)
    printed, _ = install(tmp_path, f"PYTHON={python}")
    assert f"{version} was called: -m venv {tmp_path / 'venv'}\n" in printed


@pytest.mark.parametrize("version", ["2.7", "3.10", "3.14"])
def test_another_python_is_refused_in_one_line(version, tmp_path):
    python = stand_in(tmp_path / "python", version)
    printed, errors = install(tmp_path, f"PYTHON={python}")
    assert not printed
    # The second line is make's own.
    assert len(errors) == 2
    assert errors[0].startswith(
        f"error: expected Python 3.11, 3.12 or 3.13, found {version} ({python}): install one"
    )


def test_no_python_at_all_is_said(tmp_path):
    _, (error, _) = install(tmp_path)
    assert error.startswith("error: expected Python 3.11, 3.12 or 3.13, found none (python3): ")


def test_without_venv_the_package_is_named(tmp_path):
    stand_in(tmp_path / "bin/python3", "3.12", has_venv=False)
    printed, (error, _) = install(tmp_path)
    assert not printed
    assert error == (
        "error: expected Python's venv, found none in python3: "
        "on Debian and Ubuntu: apt-get install python3.12-venv"
    )


@pytest.mark.parametrize("version", SUPPORTED)
def test_a_supported_python_is_found_by_its_own_name_and_as_python3(version, tmp_path):
    stand_in(tmp_path / "bin" / f"python{version}", version)
    assert f"{version} was called: -m venv" in install(tmp_path)[0]
    (tmp_path / "bin" / f"python{version}").rename(tmp_path / "bin/python3")
    assert f"{version} was called: -m venv" in install(tmp_path)[0]


def test_a_python_that_does_not_run_or_lacks_venv_is_passed_over(tmp_path):
    broken = stand_in(tmp_path / "bin/python3.11", "3.11")
    broken.write_text("#!/bin/sh\nexit 127\n")
    stand_in(tmp_path / "bin/python3.12", "3.12", has_venv=False)
    stand_in(tmp_path / "bin/python3", "3.13")
    assert "3.13 was called: -m venv" in install(tmp_path)[0]


@pytest.mark.parametrize(("version", "cleared"), [("3.11", " --clear"), ("3.13", "")])
def test_an_environment_of_another_python_is_made_anew(version, cleared, tmp_path):
    stand_in(tmp_path / "venv/bin/python", version)
    (tmp_path / "venv/pyvenv.cfg").touch()
    python = stand_in(tmp_path / "python", "3.13")
    printed, _ = install(tmp_path, f"PYTHON={python}")
    assert f"3.13 was called: -m venv{cleared} {tmp_path / 'venv'}\n" in printed


def test_an_environment_keeps_its_python_where_none_is_named(tmp_path):
    stand_in(tmp_path / "venv/bin/python", "3.13")
    (tmp_path / "venv/pyvenv.cfg").touch()
    stand_in(tmp_path / "bin/python3.11", "3.11")
    assert f"3.13 was called: -m venv {tmp_path / 'venv'}\n" in install(tmp_path)[0]


def test_an_environment_whose_python_is_gone_is_made_anew(tmp_path):
    (tmp_path / "venv/bin").mkdir(parents=True)
    (tmp_path / "venv/bin/python").symlink_to(tmp_path / "gone")
    (tmp_path / "venv/pyvenv.cfg").touch()
    stand_in(tmp_path / "bin/python3", "3.13")
    assert "3.13 was called: -m venv --clear" in install(tmp_path)[0]


def test_a_folder_that_is_no_environment_is_not_cleared(tmp_path):
    (tmp_path / "venv").mkdir()
    python = stand_in(tmp_path / "python", "3.13")
    assert "--clear" not in install(tmp_path, f"PYTHON={python}")[0]


def test_every_file_that_names_the_range_names_the_same():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["requires-python"] == ">=3.11,<3.14"
    for name in ("Makefile", ".ci/run"):
        found = re.findall(r"\(3, \d+\) <= .* <= \(3, \d+\)", (ROOT / name).read_text("utf-8"))
        assert found == ["(3, 11) <= sys.version_info[:2] <= (3, 13)"], name


def test_the_script_that_tries_python_3_13_can_be_read_by_bash():
    script = ROOT / "tests/environments/python313.sh"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", script], check=True)
