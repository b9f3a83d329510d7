"""Finds the split and the class of every file in a user's own image folder, without opening it.

The folder has one of two forms:

    DIR/<class>/*.jpg                    all images are for training
    DIR/<split>/<class>/*.jpg            <split>: train, optionally validation (val) and test

If a folder directly in DIR has the name of a split, DIR has the second form. An ambiguous folder is
refused.
"""

import dataclasses
import os
import pathlib
import unicodedata
from collections.abc import Callable, Mapping

from nas.data.folder import naming
from nas.data.images import file_kinds

PREFIX = "folder:"
SUFFIXES = (".jpg", ".jpeg", ".jfif", ".jpe", ".png", ".bmp", ".webp")

_SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
    "testing": "test",
}
# Files of operating systems and archivers; names that begin with a dot are ignored as well.
_HIDDEN = ("__MACOSX", "@eaDir", "$RECYCLE.BIN", "Thumbs.db", "desktop.ini")
_FORMS = "DIR/<class>/<images> or DIR/train/<class>/<images>"


@dataclasses.dataclass(frozen=True)
class ImageFile:
    """One image file, not yet opened.

    Attributes:
        name: path below the folder, with `/` between its parts.
        label: number of its class.
        size_bytes: size of the file.
        modified_ns: time when the file was last written, in nanoseconds.
    """

    name: str
    label: int
    size_bytes: int
    modified_ns: int


@dataclasses.dataclass(frozen=True)
class ImageFolder:
    """Classes and files found by a scan of an image folder.

    Attributes:
        root: the folder.
        class_names: names of the class folders in Unicode's composed form (NFC), sorted; a label is
            an index into them.
        splits: images by split, sorted by name; `train` is always present.
        remarks: one line for each thing that was left out or may surprise.
    """

    root: pathlib.Path
    class_names: tuple[str, ...]
    splits: Mapping[str, tuple[ImageFile, ...]]
    remarks: tuple[str, ...] = ()


def is_folder(dataset: str) -> bool:
    """Returns whether the name of a data set denotes a user's own folder."""
    return dataset.startswith(PREFIX)


def scan(root: str | os.PathLike[str]) -> ImageFolder:
    """Scans a folder of images.

    Raises:
        ValueError: the folder is missing, has neither form, has fewer than two classes, or has a
            class without images; the message names the place and says what to do.
    """
    root = pathlib.Path(root).expanduser()
    if not root.is_dir():
        found = "a file" if root.exists() else "nothing"
        raise ValueError(
            f"{naming.shown(root)}: expected a folder of images ({_FORMS}), found {found}; "
            "check the path"
        )
    left_out: list[str] = []
    split_roots = _split_roots(root, left_out)
    by_split = {split: _classes(root, folder, left_out) for split, folder in split_roots.items()}
    class_names = _class_names(root, split_roots, by_split)
    splits = {
        split: tuple(
            dataclasses.replace(file, label=label)
            for label, name in enumerate(class_names)
            for file in classes.get(name, [])
        )
        for split, classes in by_split.items()
    }
    remarks = []
    if left_out:
        remarks.append(
            f"{naming.counted(len(left_out), 'file')} left out, not in a class folder or not "
            f"{_kinds()}: {naming.shortened(left_out)}"
        )
    remarks.extend(
        f"the classes {', '.join(map(repr, alike))} differ only in capitals or spaces: if they are "
        "one class, merge the folders"
        for alike in naming.nearly_equal(class_names)
    )
    for split in ("validation", "test"):
        without = sorted(set(class_names) - set(by_split.get(split, class_names)))
        if without:
            remarks.append(f"{split} has no image of {naming.shortened(without)}")
    return ImageFolder(root, class_names, splits, tuple(remarks))


def _split_roots(root: pathlib.Path, left_out: list[str]) -> dict[str, pathlib.Path]:
    """Returns the folder of each split; for the form without splits, `root` is that of `train`."""
    named: dict[str, pathlib.Path] = {}
    others = []
    for folder in _folders(root):
        split = _SPLIT_NAMES.get(folder.name.lower())
        if split is None:
            others.append(folder)
        elif split in named:
            raise ValueError(
                f"{naming.shown(root)}: expected one folder of {split} images, found "
                f"{named[split].name} and {folder.name}; merge them"
            )
        else:
            named[split] = folder
    if not named:
        return {"train": root}
    if "train" not in named:
        folder = next(iter(named.values()))
        raise ValueError(
            f"{naming.shown(root)}: expected a folder train beside {folder.name}; if {folder.name} "
            f"is a class, put all classes into {naming.shown(root / 'train')}; {_unsorted(folder)}"
        )
    for folder in others:
        if any(_is_image(name) for _, _, names in os.walk(folder) for name in names):
            raise ValueError(
                f"{naming.shown(root)}: expected {_FORMS}, found {folder.name} with images beside "
                f"{named['train'].name}; if both are classes, put all classes into "
                f"{naming.shown(root / 'train')}, and if {folder.name} is not used, move it "
                "elsewhere"
            )
    for split in ("train", *(split for split in named if split != "train")):
        folder = named[split]
        direct = [path.name for path in _files(folder) if _is_image(path.name)]
        if direct and not _folders(folder):
            raise ValueError(
                f"{naming.shown(folder)}: expected a folder for each class, found images "
                f"({naming.shortened(direct)}); if {folder.name} is a class, put all classes into "
                f"{naming.shown(root / 'train')}; {_unsorted(folder)}"
            )
    left_out.extend(_visible_names(root, root))
    return named


def _classes(
    root: pathlib.Path, folder: pathlib.Path, left_out: list[str]
) -> dict[str, list[ImageFile]]:
    """Returns the images of every class below `folder`.

    Folders whose names are the same text in two forms of Unicode are one class: macOS and Linux
    write an accented letter as two characters and as one.
    """
    left_out.extend(_visible_names(root, folder))
    classes: dict[str, list[ImageFile]] = {}
    for class_folder in _folders(folder):
        if not class_folder.name.isprintable():
            raise ValueError(
                f"{naming.shown(folder)}: expected class names of printable characters, found "
                f"{naming.printable(class_folder.name)!r}; rename the folder"
            )
        for deeper in _folders(class_folder):
            if any(_is_image(name) for _, _, names in os.walk(deeper) for name in names):
                raise ValueError(
                    f"{naming.shown(deeper)}: expected images directly in the class folder "
                    f"{class_folder.name}, found another folder of images; arrange them as {_FORMS}"
                )
        found, others = [], []
        for path in _files(class_folder):
            name = path.relative_to(root).as_posix()
            if _is_image(path.name):
                found.append(_image_file(path, name))
            else:
                others.append(path)
        if not found:
            raise ValueError(
                f"{naming.shown(class_folder)}: expected images ({_kinds()}), found "
                + (_described(others) or "none; add some, or remove the folder if it is no class")
            )
        left_out.extend(path.relative_to(root).as_posix() for path in others)
        classes.setdefault(unicodedata.normalize("NFC", class_folder.name), []).extend(found)
    return classes


def _described(others: list[pathlib.Path]) -> str:
    """Says what the files of a class are that are no images; an empty text if there are none."""
    if not others:
        return ""
    try:
        with others[0].open("rb") as file:
            kind = file_kinds.describe(file.read(file_kinds.HEAD_BYTES))
    except OSError as error:
        kind = error.strerror or type(error).__name__
    others_like_it = (
        f"{naming.counted(len(others), 'other file')}, such as " if len(others) > 1 else ""
    )
    return f"{others_like_it}{naming.printable(others[0].name)} ({kind})"


def _image_file(path: pathlib.Path, name: str) -> ImageFile:
    # A broken link is listed here too; reading it raises an error with its name.
    status = path.stat() if path.exists() else path.lstat()
    return ImageFile(name, 0, status.st_size, status.st_mtime_ns)


def _class_names(
    root: pathlib.Path,
    split_roots: Mapping[str, pathlib.Path],
    by_split: Mapping[str, Mapping[str, list[ImageFile]]],
) -> tuple[str, ...]:
    names = tuple(sorted(by_split["train"]))
    if not names:
        raise ValueError(
            f"{naming.shown(split_roots['train'])}: expected a folder of images for each class "
            f"({_FORMS}), found no folder; sort the images into one folder per class"
        )
    for split, classes in by_split.items():
        unknown = sorted(set(classes) - set(names))
        if unknown:
            raise ValueError(
                f"{naming.shown(root)}: expected the classes of {split} to be classes of train "
                f"({naming.shortened(names)}), found {naming.shortened(unknown)} only in {split}; "
                "add training images or remove the folder"
            )
    if len(names) < 2:
        raise ValueError(
            f"{naming.shown(split_roots['train'])}: expected at least two classes, found one "
            f"({names[0]}); add a folder with images of another class"
        )
    return names


def _unsorted(folder: pathlib.Path) -> str:
    """Says what to do about images of a split that are in no class."""
    return (
        f"if these are images of several classes, sort them into {folder.name}/<class>/, and if "
        f"nobody knows their classes, move {folder.name} elsewhere"
    )


def _entries(folder: pathlib.Path) -> list[os.DirEntry]:
    with os.scandir(folder) as entries:
        visible = [e for e in entries if not e.name.startswith(".") and e.name not in _HIDDEN]
    return sorted(visible, key=lambda entry: entry.name)


def _folders(folder: pathlib.Path) -> list[pathlib.Path]:
    return [pathlib.Path(entry.path) for entry in _entries(folder) if _leads_to(entry.is_dir)]


def _files(folder: pathlib.Path) -> list[pathlib.Path]:
    """Lists files and broken links, but no pipes or sockets, since reading those may block."""
    return [
        pathlib.Path(entry.path)
        for entry in _entries(folder)
        if _leads_to(entry.is_file) or (entry.is_symlink() and not os.path.exists(entry.path))
    ]


def _leads_to(kind: Callable[[], bool]) -> bool:
    """Whether an entry is of a kind; a link that leads to itself is of none."""
    try:
        return kind()
    except OSError:
        return False


def _visible_names(root: pathlib.Path, folder: pathlib.Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in _files(folder)]


def _is_image(name: str) -> bool:
    return not name.startswith(".") and name.lower().endswith(SUFFIXES)


def _kinds() -> str:
    return ", ".join(suffix[1:] for suffix in SUFFIXES)
