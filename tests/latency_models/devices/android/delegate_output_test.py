import pytest

from latency_models.devices.android import delegate_output

TF21 = "Applied GPU delegate, and the model graph will be {} executed w/ the delegate."
NOW = (
    "INFO: Explicitly applied GPU delegate, and the model graph will be {} executed by the delegate"
)
ON_CPU = (
    "INFO: Explicitly applied XNNPACK delegate, and the model graph will be completely executed"
)


@pytest.mark.parametrize("wording", [TF21, NOW])
def test_the_delegate_must_have_run_everything_in_the_words_of_any_build(wording):
    assert delegate_output.check_delegate(wording.format("completely"), "gpu") is None
    with pytest.raises(ValueError, match="expected the gpu delegate .* but the CPU ran it in part"):
        delegate_output.check_delegate(wording.format("partially"), "gpu")
    with pytest.raises(
        ValueError, match="expected the nnapi delegate to run the model, but the CP"
    ):
        delegate_output.check_delegate(wording.format("completely"), "nnapi")


@pytest.mark.parametrize(
    "text",
    [
        "",
        ON_CPU,
        "Though GPU delegate is explicitly applied, the model graph will not be executed by the",
        "INFO: GPU delegate created.\nERROR: GPU acceleration is unsupported on this platform.",
    ],
)
def test_runs_on_the_cpu_are_refused(text):
    with pytest.raises(
        ValueError, match="expected the gpu delegate to run the model, but the CPU d"
    ):
        delegate_output.check_delegate(text, "gpu")
    with pytest.raises(
        ValueError, match="expected the accelerator of --benchmark_args to run the m"
    ):
        delegate_output.check_accelerator(text, is_partial_allowed=True)
    assert delegate_output.check_delegate(text, "none") is None


def test_the_first_builds_do_not_say_whether_it_ran_everything():
    caution = delegate_output.check_delegate("Applied GPU delegate.\n" + ON_CPU, "gpu")
    assert caution == (
        "this build of benchmark_model does not say whether the gpu delegate ran everything"
    )


def test_an_accelerator_of_any_name_counts():
    text = "{}\nExplicitly applied EXTERNAL delegate, and the model graph will be {} executed by"
    assert delegate_output.check_accelerator(text.format(ON_CPU, "completely"), False) is None
    with pytest.raises(ValueError, match="in part; .* --require_full_delegation=false to --bench"):
        delegate_output.check_accelerator(text.format(ON_CPU, "partially"), False)
    allowed = delegate_output.check_accelerator(text.format(ON_CPU, "partially"), True)
    assert allowed == "the CPU ran a part of some models"
