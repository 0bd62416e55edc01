"""Attributions of layers: what comes with them, where layers can be, and what is refused."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.eager.context import eager_mode

from deepexplain2 import DeepExplain, errors, methods
from tests.support.layer_nets import (
    LAYERS,
    RNG,
    XS,
    YS,
    B,
    U,
    V,
    W,
    made,
    opened,
)
from tests.support.networks import v1


def test_explanation_is_saved_with_its_layer(session, tmp_path):
    from deepexplain2.explanation import Explanation
    x, h, t = opened('dense', session)
    with DeepExplain() as de:
        found = de.explanation('layer_deeplift', t, [x], [XS], 0, layer=h)
    found.save(tmp_path / 'e.npz')
    again = Explanation.load(tmp_path / 'e.npz')
    assert again.layer == 'h:0' and isinstance(again.xs, list)
    np.testing.assert_array_equal(again.values, found.values)


@pytest.mark.parametrize('method', LAYERS)
def test_what_comes_with_a_run(method, session):
    """Class by class, into an array of the caller, references, a stream, a dataset, a fixed batch."""
    x, h, t = opened('conv', session)
    with DeepExplain() as de:
        explainer = de.get_explainer(made(method, h), t, x)
        before = len(session.graph.get_operations())
        session.graph.finalize()
        want = [explainer.run(XS, k) for k in range(3)]
        np.testing.assert_allclose(explainer.run(XS, classes='all'), want, rtol=1e-9, atol=1e-15)
        out = np.zeros((5, 2, 2, 3))
        assert explainer.run(XS, 1, 2, out=out) is out
        np.testing.assert_allclose(out, want[1], rtol=1e-9, atol=1e-15)
        with pytest.raises(errors.ShapeError, match=r'out has shape \(5, 4\), but the attributions have '
                                                    r'\(5, 2, 2, 3\)'):
            explainer.run(XS, 1, out=np.zeros((5, 4)))
        parts = list(explainer.stream([(XS[:2], 1), (XS[2:], [1, 1, 1])]))
        np.testing.assert_allclose(np.concatenate(parts), want[1], rtol=1e-9, atol=1e-15)
        with eager_mode():
            data = tf.data.Dataset.from_tensor_slices((XS, [1] * 5)).batch(2)
            np.testing.assert_allclose(explainer.run(data), want[1], rtol=1e-9, atol=1e-15)
        assert len(session.graph.get_operations()) == before
        assert explainer.plan(5).evaluations == 5 * {'internal_influence': 6, 'layer_conductance': 7,
                                                     'layer_intgrad': 8}.get(method, 1)


def test_references(session):
    """The mean over baselines; as many as rows, one each."""
    x, h, t = opened('conv', session)
    references = RNG.normal(size=(3, 4))
    with DeepExplain() as de:
        for name in set(LAYERS) - {'layer_gradient_x_activation'}:
            one = [de.explain(name, t, x, XS, 0, layer=h, baseline=r) for r in references]
            got = de.explain(name, t, x, XS, 0, layer=h, references=references)
            np.testing.assert_allclose(got, np.mean(one, 0), rtol=1e-9, atol=1e-14)
            own = de.explain(name, t, x, XS[:3], 0, 2, layer=h, baseline=references, average=False)
            np.testing.assert_allclose(own, [one[k][k] for k in range(3)], rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize('method', LAYERS)
def test_fixed_batch_and_feeds(method, session):
    x, h, t = opened('around', session)
    fixed = v1.placeholder(tf.float64, (3, 4))
    scale = v1.placeholder(tf.float64, (None, 1), 'scale')
    g = tf.tanh(fixed @ W)
    scaled = tf.tanh((x * scale) @ W)
    scales = RNG.normal(size=(5, 1))
    with DeepExplain() as de:
        want = de.explain(made(method, h), t, x, XS, YS)
        got = de.explain(made(method, g), tf.exp(.3 * g) @ V + tf.sin(fixed @ U), fixed, XS, YS)
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-14)
        target = tf.exp(.3 * scaled) @ V
        got = de.explain(made(method, scaled), target, x, XS, YS, 2, feed_dict={scale: scales})
        for k in range(5):
            one = de.explain(made(method, scaled), target, x, XS[k:k + 1], YS[k:k + 1],
                             feed_dict={scale: scales[k:k + 1]})
            np.testing.assert_allclose(got[k:k + 1], one, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize('method', LAYERS)
def test_dtypes_and_compilers(method, session):
    """float32 is float64 rounded, of a layer of another dtype than X too; XLA computes the same."""
    x, h, t = opened('dense', session)
    narrow = v1.placeholder(tf.float32, (None, 4))
    g = tf.tanh(tf.cast(narrow, tf.float64) @ W)
    with DeepExplain() as de:
        want = de.explain(made(method, h), t, x, XS, YS)
        got = de.explain(made(method, g), tf.exp(.3 * g) @ V, narrow, XS.astype(np.float32), YS)
        assert got.dtype == np.float64                                  # that of the layer
        np.testing.assert_allclose(got, want, atol=1e-5 * np.abs(want).max())
        compiled = de.explain(made(method, h), t, x, XS, YS, jit_compile=True)
        np.testing.assert_allclose(compiled, want, rtol=1e-9, atol=1e-14)


def test_places(session):
    """T itself, X itself by its name, one of several outputs of an op, upstream of what has no gradient."""
    x, h, t = opened('dense', session)
    halves = tf.split(h, 2, 1)
    of_half = tf.exp(halves[1]) @ V[:3]
    rounded = tf.tanh(tf.round(x * 3) @ W)
    with DeepExplain() as de:
        for name in LAYERS:
            np.testing.assert_allclose(de.explain(name, t, x, XS, YS, layer='x'),
                                       de.explain(name, t, x, XS, YS), rtol=1e-12)
            assert de.explain(name, of_half, x, XS, YS, layer=halves[1]).shape == (5, 3)
            with pytest.raises(errors.PathError, match=r'T .* does not depend on layer "split:0"'):
                de.explain(name, of_half, x, XS, YS, layer=halves[0])
            if name != 'layer_deeplift':
                g = de.explain(name, tf.exp(rounded) @ V, x, XS, YS, layer=rounded)
                assert g.shape == (5, 6) and np.abs(g).max() > 0
        for name in 'layer_conductance', 'layer_intgrad', 'layer_deeplift':
            got = de.explain(name, t, x, XS, YS, layer=t, baseline=B)
            np.testing.assert_allclose(got, (de.value(t, x, XS) - de.value(t, x, B[None])) * YS, rtol=1e-9)
        np.testing.assert_allclose(de.explain('internal_influence', t, x, XS, YS, layer=t), YS, rtol=1e-12)


def test_what_is_no_layer(session):
    x, h, t = opened('dense', session)
    before = tf.identity(h, 'before')
    aside = tf.tanh(x, 'aside')
    ids = tf.cast(x, tf.int32, 'ids')
    turned = tf.transpose(h, name='turned')
    constant = tf.constant(V, name='constant')
    v1.disable_control_flow_v2()
    try:
        loop = v1.while_loop(lambda i, a: i < 2, lambda i, a: (i + 1, tf.sin(a, 'inside')), [0, h])[1]
    finally:
        v1.enable_control_flow_v2()
    inside = next(op for op in session.graph.get_operations() if op.name.endswith('/inside')).outputs[0]
    wrong = [(t, before, aside, 'layer "aside:0" does not depend on X "before:0": it is before X'),
             (t, x, aside, 'T "matmul.*" does not depend on layer "aside:0"'),
             (t, x, constant, 'layer "constant:0" does not depend on X "x:0"'),
             (t, x, ids, 'layer "ids:0" has dtype int32'),
             (loop @ V, x, inside, 'is inside of a loop, which has one value for each iteration'),
             (tf.transpose(turned) @ V, x, turned, r'tensor "turned:0" has shape')]
    with DeepExplain() as de:
        count = len(session.graph.get_operations())
        for target, X, found, message in wrong:
            if X is before:
                target = tf.exp(before) @ V
                count = len(session.graph.get_operations())
            for name in LAYERS:
                with pytest.raises((errors.PathError, errors.TensorError), match=message):
                    de.explain(name, target, X, np.ones((5, X.shape[1])), 0, layer=found)
            assert len(session.graph.get_operations()) == count or found is turned
        for name in LAYERS:
            with pytest.raises(errors.ParameterError, match='layer is a list: give one layer'):
                de.explain(name, t, x, XS, layer=[h, t])
            with pytest.raises(errors.ParameterError, match='layer must be a name, a tensor'):
                de.explain(name, t, x, XS, layer=3)
            with pytest.raises(errors.TensorError, match='hh'):
                de.explain(name, t, x, XS, layer='hh')
            with pytest.raises(errors.ParameterError, match='layers'):
                de.explain(name, t, x, XS, layers='h')
        with tf.Graph().as_default():
            other = v1.placeholder(tf.float64, (None, 4), 'h')
        with pytest.raises(errors.TensorError, match='another graph'):
            de.explain('layer_intgrad', t, x, XS, layer=other)
        with pytest.raises(errors.ParameterError, match="quadrature='trapezoid', not 1"):
            de.explain('layer_intgrad', t, x, XS, layer=h, steps=1, quadrature='trapezoid')


def test_audit_sees_what_is_downstream(session):
    x, h, t = opened('around', session)
    with DeepExplain() as de:
        for name in LAYERS:
            found = de.audit(name, t, x, layer=h)
            assert {r.type for r in found.groups['evaluated']} >= {'Tanh', 'Sin'}
            assert not {r.type for r in found if r.treatment != 'evaluated'} & {'Tanh', 'Sin'}


def test_methods_with_a_layer_are_compared_and_kept(session):
    x, h, t = opened('dense', session)
    cls = methods['layer_intgrad']
    assert cls(h) == cls(h) and cls(h) != cls(t) and cls('h') == cls(layer='h') and cls(h) != cls('h')
    assert repr(cls('h', steps=5)) == "LayerIntegratedGradients(layer='h', steps=5)"
    counts = []
    for _ in range(3):
        with DeepExplain() as de:
            for name in LAYERS:
                for given in h, 'h', 'h:0':
                    de.explain(name, t, x, XS, YS, layer=given)
        counts.append(len(session.graph.get_operations()))
    assert len(set(counts)) == 1
