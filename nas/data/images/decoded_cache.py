"""Stores decoded images on disk, so that the next process need not decode them.

A source has a folder with `survey.json`, the survey of the headers, and for each resolution a
folder with the array and an `index.json`. Each file names what it was made from, and is made again
when that changes.
"""

import dataclasses
import hashlib
import json
import pathlib
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nas import files
from nas.data.data_root import data_root
from nas.data.image_options import ImageOptions
from nas.data.images import decoded_images
from nas.data.images.decoded_images import DecodedImages, ImageSource, Survey, Track
from nas.data.images.depth import Levels

Report = Callable[[str], None]

SCHEMA_VERSION = 1
# Of what is stored; an older array is made anew.
_VERSION = 3


def folder(data_dir: str | None, title: str, place: str) -> pathlib.Path:
    """Returns the folder for the decoded images of a source.

    Args:
        data_dir: TFDS folder; None for TFDS' default.
        title: title of the source.
        place: where the encoded images lie; distinguishes sources with the same title.
    """
    key = hashlib.sha256(place.encode(errors="surrogateescape")).hexdigest()[:12]
    name = re.sub(r"[^\w.-]+", "_", title.rpartition(":")[2])
    return data_root(data_dir) / "decoded_images" / f"{name}-{key}"


def key_of(source: ImageSource) -> str:
    """Returns a key of the source's images; stored files with another key are out of date."""
    return hashlib.sha256(json.dumps([_VERSION, source.identity]).encode()).hexdigest()


def load_survey(
    source: ImageSource, options: ImageOptions, cache: pathlib.Path, track: Track, report: Report
) -> Survey:
    """Loads the survey of a source, or makes and stores it; for the arguments see `load`.

    Raises:
        ValueError: no file of the source is an image.
    """
    key = key_of(source)
    survey = _kept_survey(cache, key)
    if survey is None:
        survey = decoded_images.survey(source, track)
        if options.keep_decoded:
            keep(lambda: _write_survey(survey, cache, key), cache, report)
    return survey


def load(
    source: ImageSource,
    options: ImageOptions,
    cache: pathlib.Path,
    track: Track,
    report: Report,
    survey: Survey | None = None,
    levels: Levels | None = None,
    known: Mapping[int, str] | None = None,
) -> DecodedImages:
    """Loads the decoded images of a source, or decodes and stores them.

    Args:
        source: the images.
        options: resolution, what to do with damaged images, and whether to store the decoded ones.
        cache: folder of this source; made if it is missing.
        track: may show progress.
        report: receives a line on the images, and one if they cannot be stored.
        survey: the survey of the source; None to load or make it.
        levels: range of the values of 16-bit images.
        known: reasons of images that are known to be unreadable, by their numbers.

    Raises:
        ValueError: images cannot be read (the message names them), or exceed the limit for images
            in memory.
    """
    key = key_of(source)
    if survey is None:
        survey = load_survey(source, options, cache, track, report)
    resolution = survey.resolution(options)
    channels = options.num_channels(survey.channels)
    changed = "" if channels == survey.channels else f"x{channels}"
    own = cache / f"{resolution}x{resolution}{changed}"
    found = _kept_images(own, key)
    if found is None:
        found = decoded_images.decode(source, resolution, channels, track, levels, known)
        if options.keep_decoded:
            keep(lambda: _write_images(found, own, key), own, report)
    if not len(found.kept) or found.damaged and not options.skip_unreadable:
        raise decoded_images.refusal(source.title, len(source.names), source.names, found.damaged)
    told = survey.describe(resolution, len(found.damaged), channels)
    report(f"{source.title}: {len(found.kept):,} images of {told}")
    return found


def keep(write: Callable[[], None], cache: pathlib.Path, report: Report) -> None:
    """Calls `write`; reports an OSError instead of raising it, since the cache is optional.

    Args:
        write: writes to the cache; may raise an OSError.
        cache: the path it writes to, for the message.
        report: receives a line if writing failed.
    """
    try:
        write()
    except OSError as error:
        report(
            f"{cache} cannot be written ({error.strerror or error}): decoded images are not stored"
        )


def _kept_survey(cache: pathlib.Path, key: str) -> Survey | None:
    content = _read(cache / "survey.json", key)
    if content is None:
        return None
    found = content["survey"]
    sizes = {name: tuple(found[name]) for name in ("smallest", "largest")}
    return Survey(**found | sizes)


def _write_survey(survey: Survey, cache: pathlib.Path, key: str) -> None:
    content = {"key": key, "survey": dataclasses.asdict(survey)}
    files.write_json(cache / "survey.json", _signed(content))


def _kept_images(cache: pathlib.Path, key: str) -> DecodedImages | None:
    content = _read(cache / "index.json", key)
    if content is None:
        return None
    try:
        images = np.load(cache / content["images"], mmap_mode="r")
    except (OSError, ValueError):
        # Removed by hand or incomplete: it is made again.
        return None
    return DecodedImages(
        images=images,
        kept=np.array(content["kept"], np.int64),
        digests=tuple(content["digests"]),
        damaged={int(i): reason for i, reason in content["damaged"].items()},
    )


def _write_images(found: DecodedImages, cache: pathlib.Path, key: str) -> None:
    name = f"images-{key[:16]}.npy"
    files.write_with(cache / name, lambda path: np.save(path, found.images))
    content = {
        "key": key,
        "images": name,
        "kept": found.kept.tolist(),
        "digests": found.digests,
        "damaged": found.damaged,
    }
    files.write_json(cache / "index.json", _signed(content))
    for old in cache.glob("images-*.npy"):
        if old.name != name:
            old.unlink(missing_ok=True)


def _signed(content: dict[str, Any]) -> dict[str, Any]:
    return {"schema_version": SCHEMA_VERSION, **content, "provenance": files.provenance()}


def _read(path: pathlib.Path, key: str) -> dict[str, Any] | None:
    """Reads a stored JSON file; None if it is missing, damaged or has another key."""
    try:
        content = files.read_json(path)
    except (ValueError, OSError):
        return None
    return content if isinstance(content, dict) and content.get("key") == key else None
