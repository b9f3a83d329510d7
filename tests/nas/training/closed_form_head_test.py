import numpy as np
import pytest
from scipy.special import log_softmax

from nas.training import closed_form_head


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    features = rng.standard_normal((60, 8)) + np.eye(8)[labels] + 2.0
    return features, labels


def ridge(features, labels, penalty):
    """Kernel and bias of one regression, by its normal equations."""
    x, y = features - features.mean(axis=0), np.eye(3)[labels]
    kernel = np.linalg.solve(x.T @ x + penalty * np.eye(8), x.T @ (y - y.mean(axis=0)))
    return kernel, y.mean(axis=0) - features.mean(axis=0) @ kernel


def left_out(features, labels, penalty):
    """The scores of each image by a regression on the others, made one by one.

    The penalty and the centre of all images stay, as in the closed form's formula.
    """
    x = features - features.mean(axis=0)
    rows = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    shrink = np.diag([*np.full(8, penalty), 0.0])
    found = []
    for i in range(len(x)):
        kept = np.arange(len(x)) != i
        gram = rows[kept].T @ rows[kept] + shrink
        found.append(rows[i] @ np.linalg.solve(gram, rows[kept].T @ np.eye(3)[labels[kept]]))
    return np.array(found)


def test_it_is_the_regression_of_least_leave_one_out_error_times_a_scale(images):
    features, labels = images
    unit = len(features) * ((features - features.mean(axis=0)) ** 2).mean()
    penalties = unit * closed_form_head._PENALTIES
    scores = [left_out(features, labels, penalty) for penalty in penalties]
    best = int(np.argmin([((np.eye(3)[labels] - s) ** 2).sum() for s in scores]))
    assert 0 < best < len(penalties) - 1
    kernel, bias = closed_form_head.fit(features, labels, 3)
    expected, level = ridge(features, labels, penalties[best])
    scale = kernel[0, 0] / expected[0, 0]
    np.testing.assert_allclose(kernel, scale * expected, rtol=1e-3)
    np.testing.assert_allclose(bias, scale * level, rtol=1e-3)

    def cross_entropy(times):
        return -log_softmax(times * scores[best], axis=1)[np.arange(60), labels].mean()

    assert cross_entropy(scale) <= min(cross_entropy(0.97 * scale), cross_entropy(1.03 * scale))


def test_it_tells_classes_apart_with_fewer_images_than_features():
    rng = np.random.default_rng(1)
    directions = rng.standard_normal((4, 200))
    labels = np.arange(40) % 4
    kernel, bias = closed_form_head.fit(
        directions[labels] + 0.5 * rng.standard_normal((40, 200)), labels, 4
    )
    fresh = directions[labels] + 0.5 * rng.standard_normal((40, 200))
    assert ((fresh @ kernel + bias).argmax(axis=1) == labels).mean() > 0.95


def test_a_class_without_images_and_a_constant_feature_do_no_harm(images):
    features, labels = images
    features[:, 0] = 1.0
    kernel, bias = closed_form_head.fit(features, labels, 5)
    assert np.all(np.isfinite(kernel)) and np.all(np.isfinite(bias))
    assert (features @ kernel + bias).argmax(axis=1).max() < 3


def test_bad_features_are_refused(images):
    features, labels = images
    with pytest.raises(ValueError, match="at least two images"):
        closed_form_head.fit(features[:1], labels[:1], 3)
    features[3, 3] = np.nan
    with pytest.raises(ValueError, match="finite features"):
        closed_form_head.fit(features, labels, 3)
