import pytest
from hypothesis import given
from hypothesis import strategies as st

from latency_models.devices.android import phone_state
from latency_models.devices.android.phone_state import Core

PROPERTIES = """\
[ro.build.fingerprint]: [google/oriole/oriole:14/UP1A.231105.003/11010452:user/release-keys]
[ro.build.version.release]: [14]
[ro.build.version.sdk]: [34]
[ro.product.cpu.abi]: [arm64-v8a]
[ro.product.manufacturer]: [Google]
[ro.product.model]: [Pixel 6]
[ro.soc.model]: [GS101]
[vendor.two.lines]: [first
second]
[empty]: []
"""
# A Pixel 6: four small cores, two middle ones, two big ones.
CORES = [Core(i, 1803000, "sched_pixel") for i in range(4)]
CORES += [Core(i, 2253000, "sched_pixel") for i in (4, 5)]
CORES += [Core(i, 2802000, "sched_pixel") for i in (6, 7)]
THERMAL = """\
IsStatusOverride: false
ThermalEventListeners:
	callbacks: 3
	killed: false
Thermal Status: 1
Cached temperatures:
	Temperature{mValue=99.0, mType=0, mName=BIG, mStatus=0}
HAL Ready: true
HAL connection:
	ThermalHAL 2.0 connected: yes
Current temperatures from HAL:
	Temperature{mValue=54.600002, mType=0, mName=LITTLE, mStatus=0}
	Temperature{mValue=61, mType=0, mName=BIG, mStatus=0}
	Temperature{mValue=33.5, mType=3, mName=VIRTUAL-SKIN, mStatus=1}
	Temperature{mValue=-1.5, mType=4, mName=usbc_therm, mStatus=0}
Current cooling devices from HAL:
	CoolingDevice{mValue=0, mType=2, mName=tpu}
"""


def test_properties():
    properties = phone_state.parse_properties(PROPERTIES)
    assert properties["ro.product.model"] == "Pixel 6"
    assert properties["vendor.two.lines"] == "first\nsecond"
    assert properties["empty"] == ""
    assert phone_state.environment(properties, CORES) == {
        "model": "Google Pixel 6",
        "soc": "GS101",
        "abi": "arm64-v8a",
        "os": "Android 14 (API 34)",
        "os_build": "google/oriole/oriole:14/UP1A.231105.003/11010452:user/release-keys",
        "governor": "sched_pixel",
    }
    assert phone_state.has_fixed_performance(properties)
    assert not phone_state.has_fixed_performance({"ro.build.version.sdk": "29"})
    assert not phone_state.has_fixed_performance({})


names = st.text(st.characters(codec="ascii", exclude_characters="[]\n\r"), min_size=1)


@given(st.dictionaries(names, names))
def test_any_properties_are_read_back(properties):
    text = "".join(f"[{name}]: [{value}]\n" for name, value in properties.items())
    assert phone_state.parse_properties(text) == properties


def test_cores():
    text = "".join(f"cpu{c.index},{c.max_khz},{c.governor}\n" for c in reversed(CORES))
    assert phone_state.parse_cores(text) == CORES
    assert phone_state.parse_cores("cpu0,,\ncpu1,1800000,\nother\n") == [
        Core(0, None, None),
        Core(1, 1800000, None),
    ]


def test_cores_that_are_offline():
    text = "cpu0,,,,\ncpu1,1800000,x,1,0-1\ncpu2,2800000,x,0,2\ncpu3,,,1,\nonline 0-1\n"
    cores = phone_state.parse_cores(text)
    assert [core.max_khz for core in cores] == [1800000, 1800000, 2800000, None]
    assert [core.is_online for core in cores] == [True, True, False, False]
    assert phone_state.big_cores(cores[:3], 1) == [2]
    assert phone_state.silent_cores(cores, 1) == ([3], [2])
    assert phone_state.silent_cores(cores[:3], 1) is None
    assert phone_state.silent_cores(cores[3:], 1) is None
    assert phone_state.parse_online("online 0-3,7\n") == {0, 1, 2, 3, 7}
    assert phone_state.parse_online("online \n") is None


def test_a_restart_is_told_by_the_boot_or_by_the_first_process():
    stat = "first process 1 (init second) S " + " ".join(map(str, range(4, 22)))
    first = phone_state.parse_boot(f"booted abc\n{stat} 17 0\n")
    assert first == phone_state.parse_boot(f"booted abc\n{stat} 17 5\nonline 0-3\n") == "abc 17"
    assert first != phone_state.parse_boot(f"booted abd\n{stat} 17 0\n")
    assert first != phone_state.parse_boot(f"booted abc\n{stat} 18 0\n")
    assert phone_state.parse_boot("booted \nfirst process \n") == "- -"


@pytest.mark.parametrize(
    ("num_threads", "expected"), [(1, [6, 7]), (2, [6, 7]), (3, [4, 5, 6, 7]), (8, list(range(8)))]
)
def test_the_fastest_cores_that_hold_all_threads(num_threads, expected):
    assert phone_state.big_cores(CORES, num_threads) == expected


def test_cores_that_are_alike_or_unknown_are_not_chosen_from():
    assert phone_state.big_cores([Core(i, 2000000, None) for i in range(4)], 1) is None
    assert phone_state.big_cores([Core(0, None, None), Core(1, 2000000, None)], 1) is None
    assert phone_state.big_cores([], 1) is None


@given(st.sets(st.integers(0, 63), min_size=1))
def test_masks_are_read_back(cores):
    assert phone_state.cores_of(phone_state.mask(sorted(cores))) == sorted(cores)


def test_masks_worked_by_hand():
    assert phone_state.mask([6, 7]) == "c0"
    assert phone_state.mask([4, 5, 6]) == "70"
    for mask in ("", "0", "-1", "big"):
        with pytest.raises(ValueError, match="cpu_mask: expected auto, none, or a hexadecimal"):
            phone_state.cores_of(mask)


def test_temperatures_are_those_of_now():
    thermal = phone_state.parse_thermal(THERMAL)
    assert thermal.status == 1
    assert thermal.temperatures_c == {"cpu": 61.0, "skin": 33.5}


def test_older_reports_have_only_what_was_seen_last():
    text = THERMAL.partition("HAL Ready")[0]
    assert phone_state.parse_thermal(text).temperatures_c == {"cpu": 99.0}
    assert phone_state.parse_thermal("Can't find service: thermalservice\n").status is None


@given(st.text())
def test_garbage_says_nothing_and_raises_nothing(text):
    for parse in (
        phone_state.parse_properties,
        phone_state.parse_cores,
        phone_state.parse_thermal,
    ):
        parse(text)
    assert phone_state.parse_thermal("x" + text.replace("Thermal", "")).status is None
