"""T as a function of the outputs of a model, and of data of every row."""

import functools
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2.errors import (
    TargetWarning,
)
from tests.support.few import ANYWHERE
from tests.support.function_targets import (
    NET,
    POINTS,
    RNG,
    WANTED,
    XS,
    count,
    difference,
    model_opened,
    net_opened,
    product,
)

PARAMETERS = {'intgrad': {'steps': 5}, 'shapley_sampling': {'samples': 2}}


@pytest.fixture(scope='module')
def net():
    with net_opened() as found:
        yield found


@pytest.fixture(scope='module')
def model():
    with model_opened() as found:
        yield found


@pytest.mark.parametrize('method', ANYWHERE)
def test_all_methods(net, method):
    """Without ys it is T with weights; with ys the weights are data."""
    de, X, T = net
    if method not in PARAMETERS and method not in ('saliency', 'grad*input', 'elrp', 'deeplift', 'occlusion'):
        pytest.skip('not one of the seven')
    given = PARAMETERS.get(method, {})
    expected = de.explain(method, T, X, XS, WANTED[None], **given)
    weights = de.explain(method, T, X, XS, POINTS, **given)
    for batch_size in None, 1, 3:
        found = de.explain(method, difference, X, XS, batch_size=batch_size, **given)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
        found = de.explain(method, product, X, XS, POINTS, batch_size, **given)
        np.testing.assert_allclose(found, weights, rtol=1e-9, atol=1e-12)


def test_against_the_definition(net):
    """-|out - ys|^2: its gradient is that of out with weights -2 (out - ys)."""
    de, X, _ = net
    values = NET.forward(XS)[-1]

    def closeness(out, ys):
        return -tf.reduce_sum((out - ys) ** 2, -1)
    expected = NET.gradient(XS, -2 * (values - POINTS)) * XS
    explainer = de.get_explainer('grad*input', closeness, X)
    for batch_size in None, 1, 3:
        np.testing.assert_allclose(explainer.run(XS, POINTS, batch_size), expected, rtol=1e-9)
    parts = list(explainer.stream([(XS[:3], POINTS[:3]), (XS[3:], POINTS[3:])]))
    np.testing.assert_allclose(np.concatenate(parts), expected, rtol=1e-9)
    batched = tf.data.Dataset.from_tensor_slices((XS, POINTS)).batch(3)
    np.testing.assert_allclose(explainer.run(batched), expected, rtol=1e-9)
    found = explainer.explanation(XS, POINTS)
    np.testing.assert_allclose(found.values, expected, rtol=1e-9)
    np.testing.assert_allclose(found.fx, -((values - POINTS) ** 2).sum(1), rtol=1e-9)
    np.testing.assert_allclose(de.value(closeness, X, XS, POINTS), found.fx, rtol=1e-9)
    np.testing.assert_allclose(de.value(difference, X, XS), values @ WANTED, rtol=1e-9)


def test_the_same_is_built_once(net):
    de, X, _ = net

    def explained(function, *ys):
        return de.explain('occlusion', function, X, XS, *ys)
    explained(difference)
    explained(lambda out, ys: out[:, 0] * ys, np.ones(4))
    explained(lambda out: tf.map_fn(lambda o: o[0] * o[1], out))
    before = count(de)
    for k in range(3):
        explained(difference)
        explained(lambda out: out[:, 1] - 2 * out[:, 2])                # another object
        explained(lambda out, ys: out[:, 0] * ys, np.full(4, k + 1.))       # other data
        explained(lambda out: tf.map_fn(lambda o: o[0] * o[1], out))
    assert count(de) == before


FACTOR = 1.


def test_what_a_function_takes_from_elsewhere_counts(net):
    """Whatever changes what a function computes is seen: no old map in silence."""
    de, X, T = net
    expected = de.explain('occlusion', T, X, XS, np.zeros(4, int))

    def check(function, factor):
        for _ in range(2):
            np.testing.assert_allclose(de.explain('occlusion', function, X, XS), factor * expected, rtol=1e-9)
    factor, array, listed, held = 2., np.array([2.]), [2.], SimpleNamespace(factor=2.)

    def helper(out):
        return out * factor
    functions = [lambda out: out[:, 0] * factor, lambda out: out[:, 0] * array[0],
                 lambda out: out[:, 0] * listed[0], lambda out: out[:, 0] * held.factor,
                 lambda out: helper(out)[:, 0],
                 functools.partial(lambda held, out: out[:, 0] * held.factor, held)]
    for function in functions:
        check(function, 2)
    factor = array[0] = listed[0] = held.factor = 3.
    for function in functions:
        check(function, 3)
    global FACTOR
    for FACTOR in 1., 4.:
        check(lambda out: out[:, 0] * FACTOR, FACTOR)                   # noqa: B023
    for k in range(2, 4):
        check(lambda out, k=k: out[:, 0] * k, k)


def test_an_explainer_keeps_what_its_function_was(net):
    de, X, _ = net
    factor = 1.
    plain, late = (de.get_explainer('occlusion', f, X) for f in (
        lambda out: out[:, 0] * factor, lambda out, ys: out[:, 0] * ys * factor))
    expected = plain.run(XS), late.run(XS, np.ones(4))
    factor = 2.
    np.testing.assert_array_equal(plain.run(XS), expected[0])
    np.testing.assert_array_equal(late.run(XS, np.ones(4)), expected[1])


def test_many_functions_warn(model):
    de, _ = model
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter('always')
        for k in range(130):
            de.get_explainer('occlusion', lambda out: out[:, 0] * k, de.inputs[0])       # noqa: B023
    found = [str(w.message) for w in told if w.category is TargetWarning]
    assert len(found) == 2 and 'lambda out, ys' in found[0]


@pytest.mark.parametrize('ys', [POINTS, POINTS.astype('f'), POINTS.tolist(), np.ones((4, 3), int)], ids=[
    'float64', 'float32', 'list', 'integers'])
def test_dtypes_of_ys(model, ys):
    """ys keep their dtype, and where the function does not take it get that of the outputs."""
    de, weights = model
    xs = RNG.normal(size=(4, 2)).astype('f')
    found = de.explain('saliency', lambda out, ys: tf.reduce_sum(out * ys, 1), de.inputs[0], xs, ys)
    np.testing.assert_allclose(found, np.abs(np.asarray(ys) @ weights.T), rtol=1e-5)
    labels = np.array([0, 2, 1, 0])
    for given in labels, labels.astype('u1'), labels.tolist():
        found = de.explain('saliency', lambda out, ys: tf.gather(out, tf.cast(ys, tf.int32), batch_dims=1),
                           de.inputs[0], xs, given)
        np.testing.assert_allclose(found, np.abs(weights.T[labels]), rtol=1e-5)
    found = de.explain('saliency', lambda out, ys: tf.gather(out, ys[0], batch_dims=1) * ys[1], de.inputs[0],
                       xs, [labels, POINTS[:, 0]], batch_size=3)
    np.testing.assert_allclose(found, np.abs(weights.T[labels] * POINTS[:, :1]), rtol=1e-5)


def test_other_shapes_of_ys(model):
    """Every shape of ys is another target; the number of rows is not."""
    de, weights = model
    explainer = de.get_explainer('saliency', lambda out, ys: out[:, 0] * tf.reduce_sum(ys, -1), de.inputs[0])
    xs = np.ones((4, 2), 'f')
    for ys in np.ones((4, 3)), np.ones((2, 3)), np.ones((4, 5)):
        np.testing.assert_allclose(explainer.run(xs[:len(ys)], ys),
                                   np.tile(np.abs(weights[:, 0]) * ys.shape[1], (len(ys), 1)), rtol=1e-5)
