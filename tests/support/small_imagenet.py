"""Writes small versions of ImageNet's two archives that the builder of TFDS accepts."""

import io
import pathlib
import tarfile

import numpy as np
import PIL.Image
import tensorflow_datasets as tfds
from tensorflow_datasets.datasets.imagenet2012 import imagenet_common

CLASSES = pathlib.Path(imagenet_common.label_names_file()).read_text().split()


def picture(seed, height, width, mode="RGB"):
    """A smooth random picture with few details, like a photograph."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return PIL.Image.fromarray(coarse).resize((width, height), PIL.Image.BICUBIC).convert(mode)


def encoded(image, kind="JPEG", **options):
    """Encodes a picture; JPEGs are without colour subsampling."""
    buffer = io.BytesIO()
    quality = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}
    image.save(buffer, kind, **quality, **options)
    return buffer.getvalue()


def pixels(content):
    """The pixels of an encoded picture, decoded by Pillow."""
    with PIL.Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB"))


def training_pictures(num_classes=4, per_class=12):
    """Encoded pictures of different sizes, by class and name."""
    found = {}
    for number, name in enumerate(CLASSES[:num_classes]):
        found[name] = {}
        for i in range(per_class):
            seed = 1000 * number + i
            height, width = np.random.default_rng(seed).integers(40, 90, 2)
            found[name][f"{name}_{i}.JPEG"] = encoded(picture(seed, height, width))
    return found


def write(manual_dir, training, num_test=8):
    """Writes `ILSVRC2012_img_train.tar` and `ILSVRC2012_img_val.tar` into a folder.

    Args:
        manual_dir: the folder.
        training: encoded pictures by class and name.
        num_test: number of pictures of the official validation part; TFDS knows their labels.
    """
    folder = pathlib.Path(manual_dir)
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(folder / "ILSVRC2012_img_train.tar", "w") as archive:
        for name, pictures in training.items():
            inner = io.BytesIO()
            with tarfile.open(fileobj=inner, mode="w") as tar:
                for file_name, content in pictures.items():
                    _add(tar, file_name, content)
            _add(archive, f"{name}.tar", inner.getvalue())
    with tarfile.open(folder / "ILSVRC2012_img_val.tar", "w") as archive:
        for i in range(num_test):
            content = encoded(picture(10**6 + i, 50, 60))
            _add(archive, f"ILSVRC2012_val_{i + 1:08d}.JPEG", content)


def _add(tar, name, content):
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def prepare(data_dir, training, num_test=8):
    """Prepares `imagenet2012` in `data_dir` with the builder of TFDS, from small archives."""
    manual_dir = pathlib.Path(data_dir) / "downloads" / "manual"
    write(manual_dir, training, num_test)
    tfds.builder("imagenet2012", data_dir=str(data_dir)).download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=str(manual_dir))
    )
