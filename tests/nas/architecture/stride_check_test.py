import pytest

from nas.architecture import spaces, stride_check

TINY = spaces.SPACES["tiny"]
IMAGENET = spaces.SPACES["proxyless_imagenet"]


def test_total_strides_of_the_built_in_spaces():
    found = {name: stride_check.total_stride(space) for name, space in spaces.SPACES.items()}
    assert found == {
        "proxyless_imagenet": 32,
        "proxyless_cifar": 8,
        "cifar": 8,
        "tiny": 8,
        "proxyless_widths": 32,
        "mobilenet_v3": 32,
        "mobilenet_v4": 32,
        "efficientnet_lite": 32,
        "cifar_widths": 8,
        "cifar_mobile": 8,
    }
    assert stride_check.total_stride(IMAGENET.child([0] * 21)) == 32


@pytest.mark.parametrize("resolution", [32, 224, 1024])
def test_sizes_that_make_sense_pass(resolution):
    stride_check.check(IMAGENET.with_task(10, resolution))


@pytest.mark.parametrize(
    ("network", "resolution"), [(IMAGENET, 31), (IMAGENET, 1025), (TINY, 7), (TINY, 257)]
)
def test_images_too_small_or_far_too_large_are_refused(network, resolution):
    with pytest.raises(ValueError, match=f"received {resolution}; choose another --resolution"):
        stride_check.check(network.with_task(10, resolution))


def test_what_takes_much_longer_than_designed_is_said():
    assert stride_check.caution(TINY, TINY.with_task(10, 63)) is None
    assert "at 224 everything takes about 49 times as long" in stride_check.caution(
        TINY, TINY.with_task(10, 224)
    )
