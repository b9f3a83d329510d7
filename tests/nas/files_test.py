import json
import os
import pathlib
import resource
import subprocess
import sys

import pytest

from nas import files, reading


def test_json_is_written_as_it_is_read_and_folders_are_made(tmp_path):
    path = tmp_path / "a" / "b.json"
    files.write_json(path, {"x": [1, 2.5, None]})
    assert files.read_json(path) == {"x": [1, 2.5, None]}
    assert path.read_text().endswith("}\n")
    assert [p.name for p in path.parent.iterdir()] == ["b.json"]


def test_a_failed_write_leaves_what_was_there_and_nothing_else(tmp_path):
    path = tmp_path / "kept.bin"
    files.write_bytes(path, b"old")

    def fails(temporary):
        with open(temporary, "wb") as file:
            file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        files.write_with(path, fails)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["kept.bin"]


def test_writers_see_the_ending_and_not_the_final_name(tmp_path):
    seen = []

    def write(temporary):
        seen.append(temporary)
        with open(temporary, "wb") as file:
            file.write(b"new")

    files.write_with(tmp_path / "x.keras", write)
    assert seen[0].endswith(".keras") and not seen[0].endswith("/x.keras")
    assert (tmp_path / "x.keras").read_bytes() == b"new"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_json_lacks_are_refused_and_nothing_is_written(value, tmp_path):
    with pytest.raises(ValueError):
        files.write_json(tmp_path / "x.json", {"accuracy": value})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "line 1 column 2: expected a JSON file .*, received a text that ends"),
        (b"\xff\xfe\x00", "byte 0: expected a JSON file in UTF-8"),
        (None, "found none"),
    ],
)
def test_unreadable_json_is_refused_by_name(content, message, tmp_path):
    path = tmp_path / "x.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=f"x.json: .*{message}"):
        files.read_json(path)


def test_a_folder_is_no_json_file(tmp_path):
    with pytest.raises(ValueError, match="received a folder"):
        files.read_json(tmp_path)


def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path):
    left = [".child.tmp-abcd1234.keras", "search/.alphas.tmp-00000000.npz", ".child.abcd_123.keras"]
    others = [".lock", "child.keras", ".notes.20260101.txt", "search/.x.keras"]
    for name in (*left, *others):
        files.write_bytes(tmp_path / name, b"")

    def write(temporary):
        # A file that is being written is not a leftover.
        files.remove_leftovers(tmp_path)
        assert pathlib.Path(temporary).exists()

    files.write_with(tmp_path / "summary.json", write)
    found = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert found == {*others, "summary.json"}


def test_provenance_says_what_made_a_file(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/somewhere/tool.py", "--seed=3"])
    made = files.provenance(seed=3)
    assert made["command"] == "tool.py --seed=3"
    assert made["seed"] == 3
    assert made["libraries"]["tensorflow"].startswith("2.")
    assert made["git_revision"] is None or len(made["git_revision"].split("+")[0]) == 12
    json.dumps(made, allow_nan=False)


def test_full_disk_is_told_by_the_name_of_the_file(tmp_path):
    path = tmp_path / "child.tflite"
    path.write_bytes(b"old")
    # The system refuses to write more than 1000 bytes, as if the disk were full.
    script = (
        "import resource, sys\n"
        "from nas import files\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n"
        "    files.write_bytes(sys.argv[1], bytes(5000))\n"
        "except OSError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip().endswith(f"'{path}'")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["child.tflite"]


@pytest.fixture
def largest_file():
    """A function that limits the size of files, so that writing fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("sizes", [(10, 100_000), (100_000, 10)])
def test_files_that_belong_together_are_all_written_or_none(sizes, tmp_path, largest_file):
    paths = [tmp_path / name for name in ("model.tflite", "parity.json")]
    files.write_together({path: b"old" for path in paths})
    largest_file(50_000)
    with pytest.raises(OSError) as caught:
        files.write_together(dict(zip(paths, map(bytes, sizes), strict=True)))
    assert str(paths[sizes.index(100_000)]) in str(caught.value)
    assert [path.read_bytes() for path in paths] == [b"old", b"old"]
    assert sorted(tmp_path.iterdir()) == paths


def test_a_folder_that_cannot_be_written_is_refused_by_name(tmp_path):
    files.check_writable(tmp_path / "new" / "folder")
    assert not list((tmp_path / "new" / "folder").iterdir())
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file/inside: expected a writable folder"):
        files.check_writable(tmp_path / "file" / "inside")


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_files_have_the_permissions_that_the_user_gives_to_new_files(mask, mode, tmp_path):
    before = os.umask(mask)
    try:
        files.write_bytes(tmp_path / "x.json", b"{}")
    finally:
        assert os.umask(before) == mask
    assert (tmp_path / "x.json").stat().st_mode & 0o777 == mode


def test_the_command_in_the_provenance_is_quoted_for_a_shell(monkeypatch):
    path = os.fsdecode(b"my \xff runs")
    monkeypatch.setattr(sys, "argv", ["search.py", f"--workdir={path}", "--seed=1"])
    command = files.provenance()["command"]
    assert command == r"search.py '--workdir=my \udcff runs' --seed=1"
    json.dumps(command).encode()


@pytest.mark.parametrize("made", [lambda path: path.write_text("of the user"), os.mkfifo])
def test_a_file_in_the_place_of_a_folder_is_named_and_stays(made, tmp_path):
    made(tmp_path / "report")
    for path in (tmp_path / "report/index.html", tmp_path / "report/sub/index.html"):
        with pytest.raises(OSError, match=r"index.html: expected a folder .*/report.*move that"):
            files.write_bytes(path, b"")
        with pytest.raises(reading.Unreadable, match="in the place of a folder above it; nothing"):
            reading.exists(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["report"]
