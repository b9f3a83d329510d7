"""Decodes images of any size into one array, on all cores."""

import concurrent.futures
import dataclasses
import hashlib
import os
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Protocol, TypeVar

import numpy as np

from nas.data.image_options import ImageOptions
from nas.data.images import decoding, opening
from nas.data.images.depth import Levels
from nas.progress import Track

Opener = Callable[[], BinaryIO]
T = TypeVar("T")

LARGEST_BYTES = 8 << 30

_USUAL_RESOLUTION = 224
# Large enough to keep all cores busy; small enough to hold a chunk's encoded images in memory.
CHUNK = 512
_NAMED = 5


class ImageSource(Protocol):
    """Encoded images in a fixed order."""

    @property
    def title(self) -> str:
        """Name of the source in messages."""

    @property
    def identity(self) -> Any:
        """JSON values that change when an image changes."""

    @property
    def names(self) -> Sequence[str]:
        """Names of the images in messages."""

    def openers(self) -> Iterator[Opener]:
        """Yields for every image, in order, a function that opens it; any thread may call it."""


@dataclasses.dataclass(frozen=True)
class Survey:
    """Sizes and colours of all images, collected from their headers.

    Attributes:
        smallest: width and height of the image with the fewest pixels.
        largest: width and height of the image with the most pixels.
        median_short_side: median of the images' shorter sides, in pixels.
        one_size: whether all images have the same width and height.
        channels: 1 if all images are gray, otherwise 3.
        transparent: number of images with transparent parts.
    """

    smallest: tuple[int, int]
    largest: tuple[int, int]
    median_short_side: int
    one_size: bool
    channels: int
    transparent: int

    def resolution(self, options: ImageOptions) -> int:
        """Returns the requested or preferred resolution, or else one that enlarges few images.

        Square images of one size up to 224 keep their size. Otherwise the resolution is the median
        of the shorter sides, at most 224, rounded down to a multiple of 32 (of 8 if below 64).
        """
        asked = options.resolution or options.preferred_resolution
        if asked is not None:
            return asked
        width, height = self.largest
        if self.one_size and width == height <= _USUAL_RESOLUTION:
            return width
        side = min(self.median_short_side, _USUAL_RESOLUTION)
        step = 32 if side >= 64 else 8
        return max(8, side // step * step)

    def describe_stored(self) -> str:
        """Describes sizes and colours of the stored images."""
        sizes = "x".join(map(str, self.smallest))
        if not self.one_size:
            sizes += " to " + "x".join(map(str, self.largest))
        return f"{sizes} pixels, {'gray' if self.channels == 1 else 'colour'}"

    def describe(self, resolution: int, skipped: int, channels: int | None = None) -> str:
        """Describes the stored images and how they are decoded.

        Args:
            resolution: height and width of the result.
            skipped: number of images that are left out.
            channels: of the result; None for the images' own.
        """
        text = self.describe_stored()
        if self.smallest != (resolution, resolution) or not self.one_size:
            is_square = self.one_size and self.smallest[0] == self.smallest[1]
            text += f", {'' if is_square else 'cut to a square and '}resized to "
            text += f"{resolution}x{resolution}"
        if channels not in (None, self.channels):
            text += ", made gray" if channels == 1 else ", taken as colour"
        if self.transparent:
            text += f", {self.transparent:,} with transparency laid on white"
        if skipped:
            text += f", {skipped:,} unreadable left out"
        return text


@dataclasses.dataclass(frozen=True, eq=False)
class DecodedImages:
    """All readable images of a source, at one size.

    Attributes:
        images: uint8 `[n, resolution, resolution, channels]`; may be mapped from a file.
        kept: numbers of these images in the source, ascending.
        digests: digest of each image's encoded content, in hexadecimal.
        damaged: for each unreadable image, by its number in the source, the reason.
    """

    images: np.ndarray
    kept: np.ndarray
    digests: tuple[str, ...]
    damaged: dict[int, str]


def survey(source: ImageSource, track: Track) -> Survey:
    """Reads the headers of all images.

    Raises:
        ValueError: none of them is an image.
    """
    headers: list[decoding.Header | None] = [None] * len(source.names)

    def read_one(i: int, opener: Opener) -> None:
        with opener() as file:
            headers[i] = decoding.read_header(file)

    damaged = for_all(source, read_one, track, "reading image headers")
    known = [header for header in headers if header is not None]
    if not known:
        raise refusal(source.title, len(source.names), source.names, damaged)
    sizes = sorted({(h.width, h.height) for h in known}, key=lambda size: size[0] * size[1])
    return Survey(
        smallest=sizes[0],
        largest=sizes[-1],
        median_short_side=int(statistics.median(min(h.width, h.height) for h in known)),
        one_size=len(sizes) == 1,
        channels=1 if all(header.is_gray for header in known) else 3,
        transparent=sum(header.is_transparent for header in known),
    )


def decode(
    source: ImageSource,
    resolution: int,
    channels: int,
    track: Track,
    levels: Levels | None = None,
    known: Mapping[int, str] | None = None,
) -> DecodedImages:
    """Decodes all images of a source.

    Args:
        source: the images.
        resolution: height and width of the result.
        channels: 3 for colour, 1 for gray.
        track: may show progress.
        levels: range of the values of 16-bit images.
        known: reasons of images that are known to be unreadable, by their numbers.

    Raises:
        ValueError: the decoded images exceed the limit for images in memory, `LARGEST_BYTES`.
    """
    count, shape = len(source.names), (resolution, resolution, channels)
    check_fits(source.title, count, shape)
    images = np.empty((count, *shape), np.uint8)
    digests = [""] * count

    def decode_one(i: int, opener: Opener) -> None:
        if known and i in known:
            return
        with opener() as file:
            content = file.read()
        images[i] = decoding.decode(content, resolution, channels, levels)
        digests[i] = digest(content).hex()

    damaged = for_all(source, decode_one, track, f"decoding at {resolution}x{resolution}")
    damaged |= known or {}
    kept = np.array([i for i in range(count) if i not in damaged], np.int64)
    return DecodedImages(
        images=images[kept] if damaged else images,
        kept=kept,
        digests=tuple(digests[i] for i in kept),
        damaged=damaged,
    )


def digest(content: bytes) -> bytes:
    """Returns a digest of 8 bytes that identifies an encoded image."""
    return hashlib.blake2b(content, digest_size=8).digest()


def check_fits(title: str, count: int, shape: Sequence[int]) -> None:
    """Checks that the pixels stay within the limit for images in memory, `LARGEST_BYTES`.

    Raises:
        ValueError: they exceed it; the message says what to do.
    """
    needed = count * int(np.prod(shape))
    if needed > LARGEST_BYTES:
        raise ValueError(
            f"{title}: expected at most {LARGEST_BYTES >> 30} GiB of images, which are kept in "
            f"memory; received {needed / (1 << 30):.1f} GiB ({count:,} of {shape[0]}x{shape[1]} "
            "pixels); choose a smaller --resolution, or --cache=files"
        )


def refusal(
    title: str,
    count: int,
    names: Sequence[str] | Mapping[int, str],
    damaged: Mapping[int, str],
    advice: str = "repair or remove them",
) -> ValueError:
    """Makes the error that names the first unreadable images.

    Args:
        title: name of the source.
        count: number of its images.
        names: their names, at least those of the unreadable ones.
        damaged: for each unreadable image, by its number, the reason.
        advice: what to do.
    """
    first = "; ".join(f"{names[i]}: {damaged[i]}" for i in sorted(damaged)[:_NAMED])
    more = len(damaged) - _NAMED
    instead = "" if len(damaged) == count else ", or leave them out with --skip_unreadable"
    return ValueError(
        f"{title}: {len(damaged):,} of {count:,} images cannot be read "
        f"({first}{f'; and {more:,} more' if more > 0 else ''}); {advice}{instead}"
    )


def for_all(
    source: ImageSource, work: Callable[[int, Opener], None], track: Track, label: str
) -> dict[int, str]:
    """Calls `work` for every image, on all cores.

    Args:
        source: the images.
        work: called with the number of an image and the function that opens it.
        track: may show progress.
        label: what is being done, for the progress display.

    Returns:
        For each unreadable image, by its number, the reason.
    """
    damaged: dict[int, str] = {}

    def attempt(numbered: tuple[int, Opener]) -> None:
        try:
            work(*numbered)
        except opening.UnreadableImageError as error:
            damaged[numbered[0]] = str(error)
        except OSError as error:
            damaged[numbered[0]] = error.strerror or type(error).__name__

    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
    try:
        images = enumerate(track(source.openers(), len(source.names), label))
        for chunk in chunks(images, CHUNK):
            for _ in pool.map(attempt, chunk):
                pass
    finally:
        pool.shutdown(cancel_futures=True)
    return damaged


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yields lists of `size` items; the last may be shorter, or empty."""
    chunk: list[T] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    yield chunk
