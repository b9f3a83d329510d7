"""A user's own folder of images, read into splits."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np

from nas import decoded_cache, image_folder
from nas.augmentation import Augmentation
from nas.dataset import FileRecord, Parts
from nas.decoded_images import Opener, Track
from nas.image_folder import ImageFile, ImageFolder
from nas.image_options import ImageOptions
from nas.memory_split import MemorySplit


@dataclasses.dataclass(frozen=True)
class _FolderSource:
    """The files of a folder, as `nas.decoded_images` reads them."""

    title: str
    root: pathlib.Path
    files: tuple[ImageFile, ...]

    @property
    def identity(self) -> Any:
        return [[file.name, file.size_bytes, file.modified_ns] for file in self.files]

    @property
    def names(self) -> Sequence[str]:
        return [image_folder.printable(file.name) for file in self.files]

    def openers(self) -> Iterator[Opener]:
        for file in self.files:
            yield functools.partial(_open, self.root / file.name)


def _open(path: pathlib.Path) -> BinaryIO:
    return path.open("rb")


def title(dataset: str) -> str:
    """The data set's name in messages and files: without the way to the folder."""
    path = pathlib.Path(dataset.removeprefix(image_folder.PREFIX)).expanduser().resolve()
    return image_folder.PREFIX + image_folder.printable(path.name)


def read(
    dataset: str,
    data_dir: str | None,
    options: ImageOptions,
    track: Track,
    report: Callable[[str], None],
) -> Parts:
    """Reads a folder of images.

    Args:
        dataset: `folder:` and the folder.
        data_dir: the decoded images are kept in its folder `decoded_images`.
        options: how images become arrays of one size.
        track: may show progress.
        report: is told what was found, a line at a time.

    Raises:
        ValueError: the folder has another form, or images that cannot be read.
    """
    found = image_folder.scan(dataset.removeprefix(image_folder.PREFIX))
    files = tuple(file for split in found.splits.values() for file in split)
    source = _FolderSource(title(dataset), found.root, files)
    cache = decoded_cache.folder(data_dir, source.title, str(found.root.resolve()))
    decoded = decoded_cache.load(source, options, cache, track, report)
    for remark in found.remarks:
        report(f"{source.title}: {remark}")
    flip = options.flip if options.flip is not None else not _are_characters(found.class_names)
    if options.flip is None and not flip:
        report(
            f"{source.title}: the classes look like characters: no image is mirrored (see --flip)"
        )
    _refuse_empty_classes(found, decoded.kept, source.title)
    whole = MemorySplit(
        images=decoded.images,
        labels=np.array([files[i].label for i in decoded.kept], np.int64),
        source=np.array([name for name, split in found.splits.items() for _ in split])[
            decoded.kept
        ],
        positions=decoded.kept,
        augmentation=Augmentation(flip=flip),
    )
    splits = {
        name: dataclasses.replace(whole.take(np.flatnonzero(whole.source == name)), source=name)
        for name in found.splits
    }
    records = dict(zip(decoded.kept.tolist(), decoded.digests, strict=True))
    return Parts(
        class_names=found.class_names,
        train=splits["train"],
        validation=splits.get("validation"),
        test=splits.get("test"),
        files=tuple(FileRecord(file.name, records.get(i)) for i, file in enumerate(files)),
        title=source.title,
    )


def _are_characters(class_names: Sequence[str]) -> bool:
    """Whether all classes are single letters or digits, which a mirror makes others of."""
    return all(len(name) == 1 and name.isalnum() for name in class_names)


def _refuse_empty_classes(found: ImageFolder, kept: np.ndarray, title: str) -> None:
    """A class none of whose training images could be read."""
    files = [file for split in found.splits.values() for file in split]
    count = len(found.splits["train"])
    train = {files[i].label for i in kept if i < count}
    missing = [name for label, name in enumerate(found.class_names) if label not in train]
    if missing:
        raise ValueError(
            f"{title}: expected training images of every class, but none of "
            f"{image_folder.shortened(missing)} can be read; mend or remove them"
        )
