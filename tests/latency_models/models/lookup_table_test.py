import dataclasses
import json

import made_rows
import made_spaces
import numpy as np
import pytest

import latency_models
from latency_models.measuring import network_selection, part_selection, parts
from latency_models.models.lookup_table import LookupTable
from nas import files
from nas.architecture import spaces

SPACE = spaces.SPACES["tiny"]
ENVIRONMENT = {
    "device": "local",
    "soc": "a processor",
    "os": "an OS",
    "runtime": "a runtime 1.0",
    "num_threads": 1,
    "delegate": "none",
    "affinity": None,
}
SCALE, OVERHEAD_MS, REFERENCE_MS = 1.2, -0.05, 2.0


def alone_ms(part):
    return 0.1 + part.num_macs / 1e5


def network_ms(child):
    return sum(SCALE * alone_ms(part) + OVERHEAD_MS for part in parts.child_parts(child))


def row(part, latency_ms, reference_ms=REFERENCE_MS, **changes):
    relative = latency_ms / reference_ms
    given = {
        "half_relative_latencies": (relative * 1.01, relative),
        "environment": ENVIRONMENT,
        "space": "tiny",
    }
    return made_rows.row(part, latency_ms, reference_ms, **(given | changes))


def exact_rows(space=SPACE, networks=6):
    rows = [row(part, alone_ms(part)) for part in parts.space_parts(space)]
    children = network_selection.sample_networks(space, networks)
    return rows + [row(parts.network_part(child), network_ms(child)) for child in children]


@pytest.fixture(scope="module")
def table():
    return LookupTable().fit(exact_rows(), SPACE)


def test_a_subset_of_a_space_with_widths_is_refused_in_one_line():
    space = made_spaces.small()
    rows = exact_rows(space)
    chosen = {part.key for part in part_selection.chosen(space, 16)}
    some = [row for row in rows if row.kind == "network" or row.key in chosen]
    words = "^small_like: a lookup table needs each of its 22 parts, of which 6 were not measured; "
    with pytest.raises(ValueError, match=words + "use --kind=regression, which predicts them$"):
        LookupTable().fit(some, space)
    assert len(LookupTable().fit(rows, space).entries_) == 22


def test_learns_parts_and_correction_of_exact_measurements(table):
    assert table.context_.correction.scale == pytest.approx(SCALE)
    assert table.context_.correction.per_part_ms == pytest.approx(OVERHEAD_MS)
    child = SPACE.child([1, 0, 2])
    assert table.predict(child) == pytest.approx(network_ms(child))
    assert table.evaluation_["networks"]["mape"] == pytest.approx(0.0, abs=1e-6)
    assert table.evaluation_["networks"]["count"] == 6


def test_repeat_errors_come_from_the_two_halves(table):
    assert table.evaluation_["blocks"]["mape"] == pytest.approx(0.01)
    assert table.evaluation_["network_repeats"]["bias"] == pytest.approx(0.01)


def test_networks_are_evaluated_without_themselves():
    rows = exact_rows()
    rows[-1] = dataclasses.replace(rows[-1], relative_latency=rows[-1].relative_latency * 2)
    scores = LookupTable().fit(rows, SPACE).evaluation_["networks"]
    assert scores["mape"] > 0.5 / 6  # The odd one is predicted as if it had not been seen.


def test_rows_of_a_slower_moment_count_by_their_reference():
    rows = exact_rows()
    slow = [
        dataclasses.replace(r, latency_ms=3 * r.latency_ms, reference_ms=3 * r.reference_ms)
        for r in rows[::3]
    ]
    mixed = [r for i, r in enumerate(rows) if i % 3] + slow
    table = LookupTable().fit(mixed, SPACE)
    assert table.reference_ms_ == REFERENCE_MS
    child = SPACE.child([0, 1, 0])
    assert table.predict(child) == pytest.approx(network_ms(child))


@pytest.mark.parametrize("name", ["tiny", "cifar"])
def test_latencies_of_the_slots_add_up_to_every_prediction(name):
    space = spaces.SPACES[name]
    table = LookupTable().fit(exact_rows(space, 5), space)
    slots, constant = table.slot_latencies(space)
    assert [len(v) for v in slots] == [len(slot.candidates) for slot in space.slots]
    generator = np.random.default_rng(0)
    for _ in range(20):
        choice = [int(generator.integers(len(v))) for v in slots]
        total = constant + sum(v[j] for v, j in zip(slots, choice, strict=True))
        assert total == pytest.approx(table.predict(space.child(choice)), rel=1e-12)


def test_an_identity_costs_nothing(table):
    slots, _ = table.slot_latencies(SPACE)
    identities = [
        slots[i][j]
        for i, slot in enumerate(SPACE.slots)
        for j, block in enumerate(slot.blocks)
        if block.is_identity
    ]
    assert identities and not any(identities)


def test_a_part_without_measurement_is_refused():
    with pytest.raises(ValueError, match="1 have none, for example stem, .* tools.benchmark"):
        LookupTable().fit(exact_rows()[1:], SPACE)


def test_too_few_networks_are_refused():
    with pytest.raises(ValueError, match="at least 4 whole networks of tiny, received 3"):
        LookupTable().fit(exact_rows(networks=3), SPACE)


@pytest.mark.parametrize(
    "changes",
    [
        {"recipe": "float32"},
        {"reference": "network-other"},
        {"environment": {**ENVIRONMENT, "num_threads": 2}},
    ],
)
def test_measurements_that_do_not_belong_together_are_refused(changes):
    rows = exact_rows()
    rows[2] = dataclasses.replace(rows[2], **changes)
    with pytest.raises(ValueError, match=f"expected rows of one {next(iter(changes))}"):
        LookupTable().fit(rows, SPACE)


def test_a_block_it_does_not_hold_is_refused_with_the_nearest(table):
    other = spaces.SPACES["cifar"]
    with pytest.raises(ValueError, match="no entry for stem, .* nearest is stem,"):
        table.predict(other.child([0] * len(other.slots)))
    with pytest.raises(ValueError, match="10 at 4x4|no entry for head, .* -> 7 .*-> 10"):
        table.slot_latencies(SPACE.with_task(7))


@pytest.mark.parametrize(
    "use", [{"device": "adb"}, {"recipe": "float32"}, {"num_threads": 4}], ids=str
)
def test_another_use_is_refused(table, use):
    covered = {"device": "local", "recipe": "int8", "num_threads": 1}
    table.check(**covered)
    ((name, value),) = use.items()
    with pytest.raises(ValueError, match=f"with {name} {covered[name]}, received {name} {value}"):
        table.check(**{**covered, **use})


def test_the_file_has_the_agreed_keys_and_gives_the_same_predictions(table, tmp_path):
    path = tmp_path / "latency_model.json"
    table.save(path)
    data = json.loads(path.read_text())
    keys = "kind space device recipe runtime num_threads delegate evaluation provenance"
    assert set(keys.split()) <= set(data)
    scores = "count mape within_5 within_10 rmse_ms kendall_tau bias"
    assert set(scores.split()) <= set(data["evaluation"]["networks"])
    assert set(scores.split()) <= set(data["evaluation"]["blocks"])
    child = SPACE.child([1, 1, 1])
    assert latency_models.load(path).predict(child) == table.predict(child)


def damage(data, change):
    data = json.loads(json.dumps(data))
    change(data)
    return data


@pytest.mark.parametrize(
    "change, place",
    [
        (
            lambda d: d.update(kind="oracle"),
            "kind: expected one of lookup_table.*, received 'oracle'",
        ),
        (lambda d: d.update(schema_version=9), "schema_version: expected 1, received 9"),
        (lambda d: d.pop("entries"), "entries"),
        (lambda d: d["context"]["correction"].update(scale=-1.0), "context.correction.scale"),
        (lambda d: next(iter(d["entries"].values())).update(latency_ms="x"), "latency_ms"),
        (lambda d: d.update(environment={}), "environment"),
    ],
)
def test_a_damaged_file_is_refused_with_the_place(table, tmp_path, change, place):
    path = tmp_path / "latency_model.json"
    files.write_json(path, damage(table.to_dict(), change))
    with pytest.raises(ValueError, match=rf"latency_model.json: .*{place}"):
        latency_models.load(path)


def test_an_unknown_kind_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="kind: expected one of lookup_table.*; received 'oracle'"):
        latency_models.latency_model("oracle")
