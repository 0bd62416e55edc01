"""Attributions of layers beside their definitions, in float64 with tf.GradientTape; where layers can be, and
what comes with them."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.eager.context import eager_mode

from deepexplain2 import DeepExplain, errors, methods
from tests.support.networks import v1

RNG = np.random.default_rng(1)
W, V, U, K = (RNG.normal(size=s) for s in ((4, 6), (6, 3), (4, 3), (2, 2, 1, 3)))
XS, YS, B = RNG.normal(size=(5, 4)), RNG.normal(size=(5, 3)), RNG.normal(size=4)
LAYERS = ['internal_influence', 'layer_conductance', 'layer_deeplift', 'layer_gradient_x_activation',
          'layer_intgrad']
STEPS = 6


# Networks as pairs: x -> layer, and (layer, x) -> T

def dense(x):
    return tf.tanh(x @ W)


def convolved(x):
    return tf.nn.softplus(tf.nn.conv2d(tf.reshape(x, [-1, 2, 2, 1]), K, 1, 'SAME'))


NETS = {'dense': (dense, lambda h, x: tf.exp(.3 * h) @ V),
        'conv': (convolved, lambda h, x: tf.tanh(tf.reduce_mean(h ** 2, [1, 2]) @ V[:3])),
        'several_paths': (dense, lambda h, x: (h + tf.sin(h * h)) @ V * tf.reduce_sum(h, 1, keepdims=True)),
        'around': (dense, lambda h, x: tf.exp(.3 * h) @ V + tf.sin(x @ U)),
        'multiplied_around': (dense, lambda h, x: (h @ V) * tf.sin(x @ U)),
        'functions': (tf.function(lambda x: tf.sin(x) @ W), tf.function(lambda h, x: tf.tanh(h) @ V)),
        'before_a_loop': (dense, lambda h, x: tf.while_loop(
            lambda i, h: i < 3, lambda i, h: (i + 1, tf.sin(h) + h), [0, h])[1] @ V)}


def tape(net, x, h, weights):
    """dT/dh with x for all else, T weighted."""
    with eager_mode(), tf.GradientTape() as g:              # outside of the graph of the session
        h = tf.constant(h)
        g.watch(h)
        t = tf.reduce_sum(NETS[net][1](h, tf.constant(x)) * weights)
        return g.gradient(t, h).numpy()


def layer(net, x):
    with eager_mode():
        return NETS[net][0](tf.constant(x)).numpy()


def of_line(net, x, alpha, b=B):
    """(layer, its gradient) at b + alpha (x - b)."""
    point = b + alpha * (x - b)
    h = layer(net, point)
    return h, tape(net, point, h, YS)


def expected(net, method):
    h, h0 = layer(net, XS), layer(net, np.tile(B, (5, 1)))
    middle = [(k + .5) / STEPS for k in range(STEPS)]
    if method == 'layer_gradient_x_activation':
        return h * tape(net, XS, h, YS)
    if method == 'internal_influence':
        return np.mean([of_line(net, XS, a)[1] for a in middle], 0)
    if method == 'layer_intgrad':
        return (h - h0) * np.mean([tape(net, XS, h0 + a * (h - h0), YS) for a in middle], 0)
    points = [of_line(net, XS, k / STEPS) for k in range(STEPS + 1)]
    return sum((g1 + g0) / 2 * (h1 - h0) for (h0, g0), (h1, g1) in zip(points, points[1:]))


def made(method, h, **more):
    more |= {'steps': STEPS} if method in LAYERS[:2] + LAYERS[4:] else {}
    more |= {'quadrature': 'riemann_middle'} if method in ('internal_influence', 'layer_intgrad') else {}
    more |= {} if method == 'layer_gradient_x_activation' else {'baseline': B}
    return methods[method](layer=h, **more)


def opened(net, session, batch=None, dtype=tf.float64):
    """(x, h, t) in the graph of the session."""
    x = v1.placeholder(dtype, (batch, 4), 'x')
    h = tf.identity(NETS[net][0](x), 'h')
    return x, h, NETS[net][1](h, x)


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
