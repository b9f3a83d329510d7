"""Reads a user's own folder of images into splits."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np

from nas.data.folder import file_index, image_folder
from nas.data.folder.image_folder import ImageFile, ImageFolder
from nas.data.image_options import ImageOptions
from nas.data.images import decoded_cache, decoded_images
from nas.data.images.augmentation import Augmentation
from nas.data.images.decoded_images import Opener, Survey, Track
from nas.data.images.photo_augmentation import PhotoAugmentation
from nas.data.splits import encoded_split
from nas.data.splits.dataset import FileRecord, Parts
from nas.data.splits.encoded_split import EncodedSplit
from nas.data.splits.memory_split import MemorySplit
from nas.data.splits.split import Split


@dataclasses.dataclass(frozen=True)
class _FolderSource:
    """The files of a folder as an `ImageSource`."""

    title: str
    found: ImageFolder

    @functools.cached_property
    def files(self) -> tuple[ImageFile, ...]:
        """The files of all splits, one split after the other."""
        return tuple(file for split in self.found.splits.values() for file in split)

    def labelled(self, kept: np.ndarray) -> dict[str, Any]:
        """Returns the attributes of `Split` for the files numbered `kept`."""
        sources = [name for name, split in self.found.splits.items() for _ in split]
        return {
            "labels": np.array([self.files[i].label for i in kept], np.int64),
            "source": np.array(sources)[kept],
            "positions": kept,
        }

    @property
    def identity(self) -> Any:
        return [[file.name, file.size_bytes, file.modified_ns] for file in self.files]

    @property
    def names(self) -> Sequence[str]:
        return [image_folder.printable(file.name) for file in self.files]

    def openers(self) -> Iterator[Opener]:
        for file in self.files:
            yield functools.partial(_open, self.found.root / file.name)


def _open(path: pathlib.Path) -> BinaryIO:
    return path.open("rb")


def title(dataset: str) -> str:
    """Returns the data set's name for messages and files: the folder's name without its path."""
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
        dataset: `folder:` followed by the path of the folder.
        data_dir: TFDS folder; decoded images are stored below it in `decoded_images`.
        options: how images become arrays of one size.
        track: may show progress.
        report: receives lines that describe the images.

    Raises:
        ValueError: the folder does not have the expected form, or images cannot be read.
    """
    found = image_folder.scan(dataset.removeprefix(image_folder.PREFIX))
    source = _FolderSource(title(dataset), found)
    cache = decoded_cache.folder(data_dir, source.title, str(found.root.resolve()))
    survey = decoded_cache.load_survey(source, options, cache, track, report)
    flip = options.flip if options.flip is not None else not _are_characters(found.class_names)
    whole: Split
    if _stays_encoded(survey, len(source.files), options):
        whole, digests = _encoded(source, survey, options, flip, cache, track, report)
    else:
        decoded = decoded_cache.load(source, options, cache, track, report, survey)
        digests = decoded.digests
        augmentation = Augmentation(flip=flip)
        whole = MemorySplit(
            decoded.images, **source.labelled(decoded.kept), augmentation=augmentation
        )
    for remark in found.remarks:
        report(f"{source.title}: {remark}")
    if options.flip is None and not flip:
        report(
            f"{source.title}: the classes look like characters: no image is mirrored (see --flip)"
        )
    _refuse_empty_classes(source, whole.positions)
    splits = whole.cut(found.splits)
    records = dict(zip(whole.positions.tolist(), digests, strict=True))
    return Parts(
        class_names=found.class_names,
        train=splits["train"],
        validation=splits.get("validation"),
        test=splits.get("test"),
        files=tuple(FileRecord(file.name, records.get(i)) for i, file in enumerate(source.files)),
        title=source.title,
    )


def _stays_encoded(survey: Survey, count: int, options: ImageOptions) -> bool:
    """Returns whether images are decoded for every batch: on request, or if pixels are too many."""
    if options.cache != "auto":
        return options.cache != "pixels"
    side = survey.resolution(options)
    return count * side * side * survey.channels > decoded_images.LARGEST_BYTES


def _encoded(
    source: _FolderSource,
    survey: Survey,
    options: ImageOptions,
    flip: bool,
    cache: pathlib.Path,
    track: Track,
    report: Callable[[str], None],
) -> tuple[EncodedSplit, Sequence[str]]:
    """Returns a split of the readable files, and the digest of each."""
    names = tuple(file.name for file in source.files)
    place = cache if options.keep_decoded else None
    index = file_index.load(source, source.found.root, names, place, track, report)
    if not len(index.kept) or index.damaged and not options.skip_unreadable:
        raise decoded_images.refusal(source, index.damaged)
    whole = EncodedSplit(
        index,
        **source.labelled(index.kept),
        resolution=survey.resolution(options),
        channels=survey.channels,
        augmentation=PhotoAugmentation(flip=flip),
    )
    skipped = f", {len(index.damaged):,} unreadable left out" if index.damaged else ""
    report(f"{source.title}: {len(whole):,} images of {survey.describe_stored()}{skipped}")
    kept = encoded_split.kept(whole, options, report)
    return kept, [digest.tobytes().hex() for digest in index.digests[index.kept]]


def _are_characters(class_names: Sequence[str]) -> bool:
    """Returns whether all classes are single letters or digits, which must not be mirrored."""
    return all(len(name) == 1 and name.isalnum() for name in class_names)


def _refuse_empty_classes(source: _FolderSource, kept: np.ndarray) -> None:
    """Raises a ValueError if a class has no readable training image."""
    count = len(source.found.splits["train"])
    train = {source.files[i].label for i in kept if i < count}
    names = source.found.class_names
    missing = [name for label, name in enumerate(names) if label not in train]
    if missing:
        raise ValueError(
            f"{source.title}: expected training images of every class, but none of "
            f"{image_folder.shortened(missing)} can be read; repair or remove them"
        )
