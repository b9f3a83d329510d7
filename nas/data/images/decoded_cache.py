"""Decoded images, kept for the next time.

A source has a folder with `survey.json`, what the headers told, and for each resolution a folder
with the array and an `index.json`. Each says what it was made from; when that changes, it is made
anew.
"""

import dataclasses
import hashlib
import json
import pathlib
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from nas import files
from nas.data.data_root import data_root
from nas.data.image_options import ImageOptions
from nas.data.images import decoded_images
from nas.data.images.decoded_images import DecodedImages, ImageSource, Survey, Track

Report = Callable[[str], None]

_VERSION = 1


def folder(data_dir: str | None, title: str, place: str) -> pathlib.Path:
    """Where the decoded images of a source lie.

    Args:
        data_dir: TFDS folder; TFDS' own default when None.
        title: the source's.
        place: where the encoded images lie; tells apart sources of one title.
    """
    key = hashlib.sha256(place.encode(errors="surrogateescape")).hexdigest()[:12]
    name = re.sub(r"[^\w.-]+", "_", title.rpartition(":")[2])
    return data_root(data_dir) / "decoded_images" / f"{name}-{key}"


def key_of(source: ImageSource) -> str:
    """Tells whether what was kept was made from the same images."""
    return hashlib.sha256(json.dumps([_VERSION, source.identity]).encode()).hexdigest()


def load_survey(
    source: ImageSource, options: ImageOptions, cache: pathlib.Path, track: Track, report: Report
) -> Survey:
    """What the headers of all images told an earlier call, or tell now; arguments as of `load`.

    Raises:
        ValueError: not one of them is an image.
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
) -> DecodedImages:
    """Reads what an earlier call decoded, or decodes it.

    Args:
        source: the images.
        options: resolution, what to do with damaged images, and whether to keep the others.
        cache: folder of this source, made where it is missing.
        track: may show progress.
        report: is told what was found, and when it cannot be kept.
        survey: what the headers told; None to find out.

    Raises:
        ValueError: images that cannot be read, named; or more than fit in memory.
    """
    key = key_of(source)
    if survey is None:
        survey = load_survey(source, options, cache, track, report)
    resolution = survey.resolution(options)
    own = cache / f"{resolution}x{resolution}"
    found = _kept_images(own, key)
    if found is None:
        found = decoded_images.decode(source, resolution, survey.channels, track)
        if options.keep_decoded:
            keep(lambda: _write_images(found, own, key), own, report)
    if not len(found.kept) or found.damaged and not options.skip_unreadable:
        raise decoded_images.refusal(source, found.damaged)
    told = survey.describe(resolution, len(found.damaged))
    report(f"{source.title}: {len(found.kept):,} images of {told}")
    return found


def keep(write: Callable[[], None], cache: pathlib.Path, report: Report) -> None:
    """Writes, or says that another time will have to do the work again.

    Args:
        write: may raise an OSError.
        cache: what it writes, for the message.
        report: is told what happened.
    """
    try:
        write()
    except OSError as error:
        report(f"{cache} cannot be written ({error.strerror or error}): no decoded image is kept")


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
        # Removed by hand, or not whole: it is made again.
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
    return {"schema_version": _VERSION, **content, "provenance": files.provenance()}


def _read(path: pathlib.Path, key: str) -> dict[str, Any] | None:
    """What was kept under this key; None where there is nothing of it."""
    try:
        content = files.read_json(path)
    except (ValueError, OSError):
        return None
    return content if isinstance(content, dict) and content.get("key") == key else None
