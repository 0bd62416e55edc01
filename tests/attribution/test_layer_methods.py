"""Attributions of layers beside their definitions."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from tests.support.layer_nets import (
    LAYERS,
    NETS,
    RNG,
    XS,
    YS,
    B,
    U,
    V,
    W,
    expected,
    layer,
    made,
    opened,
)
from tests.support.networks import v1


@pytest.mark.parametrize('method', [m for m in LAYERS if m != 'layer_deeplift'])
@pytest.mark.parametrize('net', NETS)
def test_definition(net, method, session):
    x, h, t = opened(net, session)
    with DeepExplain() as de:
        want = expected(net, method)
        for size in None, 1, 3:
            got = de.explain(made(method, h), t, x, XS, YS, size)
            np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12 * np.abs(want).max())


@pytest.mark.parametrize('net', NETS)
def test_deeplift(net, session):
    """Complete where the layer is all that T sees of X; beside it, the multipliers of what is around."""
    x, h, t = opened(net, session)
    with DeepExplain() as de:
        gain = ((de.value(t, x, XS) - de.value(t, x, np.tile(B, (5, 1)))) * YS).sum(1)
        got = {size: de.explain(made('layer_deeplift', h), t, x, XS, YS, size) for size in (None, 1, 3)}
        for other in got.values():
            np.testing.assert_allclose(other, got[None], rtol=1e-9, atol=1e-12)
        sums = got[None].reshape(5, -1).sum(1)
        s, s0 = (np.sin(a @ U) for a in (XS, B[None]))
        if net == 'around':
            sums = sums + ((s - s0) * YS).sum(1)
        if net == 'multiplied_around':          # each of two factors times the mean of the other
            change = layer(net, XS) - layer(net, B[None])
            np.testing.assert_allclose(got[None], change * ((s + s0) / 2 * YS @ V.T), rtol=1e-9)
        else:
            np.testing.assert_allclose(sums, gain, rtol=1e-9)


def test_deeplift_of_elementwise_functions(session):
    """The secant of exp times its weights."""
    x, h, t = opened('dense', session)
    with DeepExplain() as de:
        got = de.explain(made('layer_deeplift', h), t, x, XS, YS)
    a, b = layer('dense', XS), layer('dense', B[None])
    np.testing.assert_allclose(got, (np.exp(.3 * a) - np.exp(.3 * b)) * (YS @ V.T), rtol=1e-9)


def test_sums(session):
    """f(x) - f(baseline) where the layer cuts the graph, elsewhere return_delta is refused."""
    x, h, t = opened('several_paths', session)
    around = t + tf.sin(x @ U)
    with DeepExplain() as de:
        gain = ((de.value(t, x, XS) - de.value(t, x, np.tile(B, (5, 1)))) * YS).sum(1)
        for name, steps, gap in ('layer_conductance', 400, 1e-3), ('layer_intgrad', 30, 1e-9), \
                ('layer_deeplift', None, 1e-9):
            more = {'steps': steps} if steps else {}
            got, delta = de.explain(name, t, x, XS, YS, layer=h, baseline=B, return_delta=True, **more)
            np.testing.assert_allclose(got.sum(1) + delta, gain, rtol=1e-9)
            assert np.abs(delta).max() < gap
            assert de.explanation(name, t, x, XS, YS, layer=h, baseline=B, **more).delta is not None
            with pytest.raises(errors.ParameterError, match=r'return_delta: T "add.*" depends on X around '
                                                            r'the layer "h:0" too'):
                de.explain(name, around, x, XS, YS, layer=h, return_delta=True)
            found = de.explanation(name, around, x, XS, YS, layer=h)
            assert found.delta is None and found.fx is not None
        got = de.explain('layer_intgrad', around, x, XS, YS, layer=h, baseline=B, steps=30)
        np.testing.assert_allclose(got.sum(1), gain, rtol=1e-9)         # all else stays at x
        for name in LAYERS[0], LAYERS[3]:
            with pytest.raises(errors.ParameterError, match='do not promise'):
                de.explain(name, t, x, XS, YS, layer=h, return_delta=True)


def test_several_inputs_give_one_array(session):
    """Of a layer of both, and of one that hangs on one of them."""
    x, z = v1.placeholder(tf.float64, (None, 4), 'x'), v1.placeholder(tf.float64, (None, 2), 'z')
    h = tf.tanh(x @ W, name='h')
    both = tf.concat([h @ V, tf.sin(z)], 1, 'both')
    t = tf.reduce_sum(tf.exp(.2 * both), 1)
    zs = RNG.normal(size=(5, 2))
    with DeepExplain() as de:
        for name in LAYERS:
            got = de.explain(name, t, [x, z], [XS, zs], layer='both')
            assert isinstance(got, np.ndarray) and got.shape == (5, 5)
            one = de.explain(name, t, {'a': x, 'b': z}, {'a': XS, 'b': zs}, layer='h')
            assert one.shape == (5, 6)
            found = de.explanation(name, t, [x, z], [XS, zs], layer='both')
            np.testing.assert_array_equal(found.values, got)
            assert found.layer == 'both:0' == found.parameters['layer'] and found.input_names == ['both:0']
            assert isinstance(found.xs, list) and found[1:3].xs[1].shape == (2, 2)
            assert 'by both:0: 5 rows' in repr(found) and 'both:0 (5, 5)' in found._repr_html_()
        total = de.value(t, [x, z], [XS, zs]) - de.value(t, [x, z], [0 * XS, 0 * zs])
        np.testing.assert_allclose(de.explain('layer_deeplift', t, [x, z], [XS, zs], layer='both').sum(1),
                                   total, rtol=1e-9)
