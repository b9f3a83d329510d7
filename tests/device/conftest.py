"""Test phones for the tests in this folder, built once and started once."""

import importlib.util
import os
import pathlib
import sys

import pytest

# Under importlib's mode a folder of tests is no package; its helpers are loaded by name.
_SPEC = importlib.util.spec_from_file_location(
    "phones", pathlib.Path(__file__).with_name("phones.py")
)
phones = importlib.util.module_from_spec(_SPEC)
sys.modules["phones"] = phones
_SPEC.loader.exec_module(phones)

# Of each process that runs tests, ports of its own: a phone is locked by its name, which holds one.
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
PORTS = (15555 + 4 * WORKER, 15557 + 4 * WORKER)


@pytest.fixture(scope="session")
def phone_root():
    phones.require()
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
    return phones.build(cache / "proxylessnas" / "phone")


@pytest.fixture(scope="session")
def network(tmp_path_factory):
    phones.require()
    network = phones.Network(tmp_path_factory.mktemp("network"))
    os.environ["ADB_SERVER_SOCKET"] = f"localfilesystem:{network.socket}"
    yield network
    del os.environ["ADB_SERVER_SOCKET"]
    network.close()


@pytest.fixture(scope="session")
def two_phones(network, phone_root):
    started = [phones.Phone(network, phone_root, port) for port in PORTS]
    yield started
    for phone in started:
        phone.stop()


@pytest.fixture()
def phone(two_phones):
    """The first phone, tidy before and after."""
    phone = two_phones[0]
    phone.calls()
    assert phone.files() == []
    return phone


@pytest.fixture(scope="session")
def program(phone_root, tmp_path_factory):
    return phones.stand_in(tmp_path_factory.mktemp("program") / "benchmark_model", phone_root)
