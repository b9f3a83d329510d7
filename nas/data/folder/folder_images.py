"""Reads a user's own folder of images into splits."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np

from nas.data.folder import file_index, image_folder, naming
from nas.data.folder.image_folder import ImageFile, ImageFolder
from nas.data.image_options import ImageOptions
from nas.data.images import decoded_cache, decoded_images, examination, looks
from nas.data.images.augmentation import Augmentation
from nas.data.images.decoded_images import Opener, Survey, Track
from nas.data.images.examination import Examination
from nas.data.images.photo_augmentation import PhotoAugmentation
from nas.data.splits import encoded_split, likeness
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
        return [naming.printable(file.name) for file in self.files]

    def photos(self, split: Split, indices: np.ndarray) -> Iterator[bytes]:
        """Yields the contents of the files at `indices` of a split."""
        for position in split.positions[indices]:
            yield (self.found.root / self.files[position].name).read_bytes()

    def openers(self) -> Iterator[Opener]:
        for file in self.files:
            yield functools.partial(_open, self.found.root / file.name)


def _open(path: pathlib.Path) -> BinaryIO:
    return path.open("rb")


def title(dataset: str) -> str:
    """Returns the data set's name for messages and files: the folder's name without its path."""
    path = pathlib.Path(dataset.removeprefix(image_folder.PREFIX)).expanduser().resolve()
    return image_folder.PREFIX + naming.printable(path.name)


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
    channels = options.num_channels(survey.channels)
    flip = options.flip if options.flip is not None else not _are_characters(found.class_names)
    stays_encoded = _stays_encoded(survey, len(source.files), options)
    if not stays_encoded:
        side = survey.resolution(options)
        shape = (side, side, channels)
        decoded_images.check_fits(source.title, len(source.files), shape)
    place = cache if options.keep_decoded else None
    examined = examination.load(source, place, options.skip_unreadable, track, report)
    whole: Split
    if stays_encoded:
        whole = _encoded(source, survey, options, flip, examined, report)
    else:
        decoded = decoded_cache.load(
            source, options, cache, track, report, survey, examined.levels, examined.damaged
        )
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
    gray = looks.are_gray(examined.looks[whole.positions])
    told = _told_by_colour(gray, whole.labels, found.class_names)
    if told and channels == 3:
        report(f"{source.title}: {told}")
    splits = whole.cut(found.splits)
    kept = whole.positions.tolist()
    records = {i: examined.digests[i].tobytes().hex() for i in kept}
    return Parts(
        class_names=found.class_names,
        train=splits["train"],
        validation=splits.get("validation"),
        test=splits.get("test"),
        files=tuple(FileRecord(file.name, records.get(i)) for i, file in enumerate(source.files)),
        title=source.title,
        levels=examined.levels,
        photos=None if stays_encoded else source.photos,
        likeness=likeness.find(
            whole.ids.tolist(), examined.digests[whole.positions], examined.looks[whole.positions]
        ),
    )


def _stays_encoded(survey: Survey, count: int, options: ImageOptions) -> bool:
    """Returns whether images are decoded for every batch: on request, or if pixels are too many."""
    if options.cache != "auto":
        return options.cache != "pixels"
    side = survey.resolution(options)
    return (
        count * side * side * options.num_channels(survey.channels) > decoded_images.LARGEST_BYTES
    )


def _encoded(
    source: _FolderSource,
    survey: Survey,
    options: ImageOptions,
    flip: bool,
    examined: Examination,
    report: Callable[[str], None],
) -> EncodedSplit:
    """Returns a split of the readable files."""
    names = tuple(file.name for file in source.files)
    whole = EncodedSplit(
        file_index.of(source.title, source.found.root, names, examined),
        **source.labelled(examined.kept),
        resolution=survey.resolution(options),
        channels=options.num_channels(survey.channels),
        augmentation=PhotoAugmentation(flip=flip),
    )
    skipped = f", {len(examined.damaged):,} unreadable left out" if examined.damaged else ""
    report(f"{source.title}: {len(whole):,} images of {survey.describe_stored()}{skipped}")
    return encoded_split.kept(whole, options, report)


def _told_by_colour(
    is_gray: np.ndarray, labels: np.ndarray, class_names: Sequence[str]
) -> str | None:
    """Returns a sentence if some classes have gray images only, and others none; or None."""
    shares = np.bincount(labels, is_gray) / np.bincount(labels)
    gray = [class_names[i] for i in np.flatnonzero(shares == 1.0).tolist()]
    coloured = [class_names[i] for i in np.flatnonzero(shares == 0.0).tolist()]
    if not (gray and coloured):
        return None
    return (
        f"all images of {naming.shortened(gray)} are gray, and none of "
        f"{naming.shortened(coloured)}: a network would tell them apart by that alone; if gray is "
        "not what makes the class, use --channels=gray"
    )


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
            f"{naming.shortened(missing)} can be read; repair or remove them"
        )
