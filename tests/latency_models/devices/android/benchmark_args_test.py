import pytest

import latency_models
from latency_models.devices.android import benchmark_args
from latency_models.devices.android.phone_settings import PhoneSettings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("none", ""),
        ("--use_hexagon", "--use_hexagon=true"),
        ("--use_npu=true --a=1", "--a=1 --use_npu=true"),
        ("--use_npu=true,--a=1,2, --b=", "--a=1,2 --b= --use_npu=true"),
        ("--external_delegate_options='k:v; x'", "'--external_delegate_options=k:v; x'"),
        ("--nnapi_accelerator_name=google-edgetpu", "--nnapi_accelerator_name=google-edgetpu"),
    ],
)
def test_options_have_one_form(text, expected):
    assert benchmark_args.normal(text) == expected
    assert benchmark_args.normal(expected) == expected


@pytest.mark.parametrize(
    ("text", "delegate", "words"),
    [
        ("--num_threads=4", "none", "received --num_threads; use --num_threads"),
        ("--a=1 --graph=/x", "none", "sets itself, received --graph; the models are those of"),
        ("--use_gpu=true", "none", "received --use_gpu; use --delegate=gpu"),
        ("--use_nnapi=1", "gpu", "received --use_nnapi; use --delegate=nnapi"),
        ("--max_secs=1", "none", "use --max_run_seconds"),
        ("--require_full_delegation=false", "gpu", "--delegate sets it"),
        ("--a=1 --a=2", "none", "expected each option once, received --a twice"),
        ("use_npu=true", "none", "of the form --name=value, received 'use_npu=true'"),
        ("-x=1", "none", "received '-x=1'"),
        ("--a=\x07", "none", "of the form --name=value"),
        ("--a='1", "none", "expected options, received"),
        ("--help", "none", "run the program by hand"),
    ],
)
def test_options_that_cannot_be_passed_on_are_refused_by_name(text, delegate, words):
    with pytest.raises(ValueError, match="^benchmark_args: ") as caught:
        latency_models.device("adb", 1, PhoneSettings(benchmark_args=text, delegate=delegate))
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("--use_hexagon=true", True),
        ("--use_npu=1", True),
        ("--external_delegate_path=/data/local/tmp/libQnn.so", True),
        ("--stable_delegate_settings_file=/x", True),
        ("--use_hexagon=false", False),
        ("--use_xnnpack=false --use_caching=true", False),
        ("--gpu_backend=cl", False),
    ],
)
def test_options_ask_for_an_accelerator_or_not(text, asks):
    assert benchmark_args.asks_for_accelerator(benchmark_args.parse(text)) == asks
