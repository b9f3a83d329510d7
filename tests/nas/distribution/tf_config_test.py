import json

import pytest

from nas.distribution import tf_config


def environment(**config):
    return {"TF_CONFIG": json.dumps(config)}


WORKERS = {"worker": ["a:1", "b:2"]}


@pytest.mark.parametrize("index", [0, 1])
def test_workers_are_hosts_in_their_order(index):
    found = tf_config.read(environment(cluster=WORKERS, task={"type": "worker", "index": index}))
    assert found == tf_config.Cluster(("a:1", "b:2"), index)


def test_a_chief_comes_first():
    hosts = {**WORKERS, "chief": ["c:3"]}
    found = tf_config.read(environment(cluster=hosts, task={"type": "worker", "index": 1}))
    assert found == tf_config.Cluster(("c:3", "a:1", "b:2"), 2)
    found = tf_config.read(environment(cluster=hosts, task={"type": "chief", "index": 0}))
    assert found.number == 0


@pytest.mark.parametrize(
    ("text", "received"),
    [
        (None, "received none; set it on every host"),
        ("  ", "received none; set it on every host"),
        ("{", "received no JSON (Expecting property name"),
        ("[]", "received one without a cluster"),
        ('{"task": {}}', "received one without a cluster"),
        ('{"cluster": {}}', "received a cluster of nothing"),
        ('{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}}', "received a cluster of ps, worker"),
        ('{"cluster": {"worker": "a:1"}}', "received 'a:1' for worker"),
        ('{"cluster": {"worker": ["a"]}}', "received the address 'a'; write it as host:port"),
        ('{"cluster": {"worker": [1]}}', "received the address 1"),
        ('{"cluster": {"worker": ["a:1", "a:1"]}}', "received an address twice"),
        ('{"cluster": {"chief": ["a:1", "b:1"]}}', "received several chiefs"),
        ('{"cluster": {"worker": ["a:1"]}}', "received one without a task"),
        (
            '{"cluster": {"worker": ["a:1"]}, "task": {"type": "chief", "index": 0}}',
            "received the task type 'chief'",
        ),
        (
            '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 2}}',
            "received the task index 2; use 0 to 1",
        ),
        (
            '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": "0"}}',
            "received the task index '0'",
        ),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker"}}', "task index None"),
    ],
)
def test_a_wrong_tf_config_is_refused_in_one_line(text, received):
    with pytest.raises(ValueError, match="^TF_CONFIG: expected something like ") as raised:
        tf_config.read({} if text is None else {"TF_CONFIG": text})
    assert received in str(raised.value)
    assert "\n" not in str(raised.value)
