"""Reads the hosts of a run from the environment variable TF_CONFIG."""

import dataclasses
import json
import re
from collections.abc import Mapping
from typing import Any

_EXAMPLE = (
    '{"cluster": {"worker": ["host0:12345", "host1:12345"]}, '
    '"task": {"type": "worker", "index": 0}}'
)
_JOBS = ("chief", "worker")


@dataclasses.dataclass(frozen=True)
class Cluster:
    """All hosts, and which of them this one is.

    Attributes:
        addresses: `host:port` of every host; the first is the chief's.
        number: index of this host among them.
    """

    addresses: tuple[str, ...]
    number: int


def read(environment: Mapping[str, str]) -> Cluster:
    """Reads and checks TF_CONFIG.

    Args:
        environment: environment variables of the process.

    Raises:
        ValueError: it is missing or wrong; the message says what to change.
    """
    text = environment.get("TF_CONFIG", "")
    if not text.strip():
        raise _error("received none", "set it on every host, each with its own index")
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _error(f"received no JSON ({error})", "check the quotes in your shell") from None
    cluster = _object(config, "cluster", "a cluster")
    if not cluster or not set(cluster) <= {*_JOBS}:
        raise _error(
            f"received a cluster of {', '.join(sorted(cluster)) or 'nothing'}",
            "name all hosts under worker, or one under chief and the others under worker",
        )
    hosts = {job: _addresses(cluster, job) for job in _JOBS}
    if len(hosts["chief"]) > 1:
        raise _error("received several chiefs", "move all but one to worker")
    addresses = hosts["chief"] + hosts["worker"]
    if len(set(addresses)) < len(addresses):
        raise _error("received an address twice", "give every host an address of its own")
    task = _object(config, "task", "a task")
    job, index = task.get("type"), task.get("index")
    if job not in _JOBS or not hosts[job]:
        raise _error(f"received the task type {job!r}", "use a type that the cluster has")
    count = len(hosts[job])
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < count:
        raise _error(
            f"received the task index {index!r}",
            f"use 0 to {count - 1}, a different index on every host",
        )
    return Cluster(tuple(addresses), index + (len(hosts["chief"]) if job == "worker" else 0))


def _object(config: Any, key: str, what: str) -> dict[str, Any]:
    found = config.get(key) if isinstance(config, dict) else None
    if not isinstance(found, dict):
        raise _error(f"received one without {what}", f"add {key!r}")
    return found


def _addresses(cluster: Mapping[str, Any], job: str) -> list[str]:
    found = cluster.get(job, [])
    if not isinstance(found, list):
        raise _error(f"received {found!r} for {job}", "write a list of host:port entries")
    for address in found:
        if not isinstance(address, str) or not re.fullmatch(r"\S+:\d{1,5}", address):
            raise _error(f"received the address {address!r}", "write it as host:port")
    return found


def _error(received: str, advice: str) -> ValueError:
    return ValueError(f"TF_CONFIG: expected something like {_EXAMPLE}, {received}; {advice}")
