"""Five additions to the library, each of them what one new file would hold, run as ARCHITECTURE.md shows
them: a wrapper of any method, a rule at ReLU, a method that samples masks, a target with boxes, and a
    metric."""

import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from deepexplain2.attribution import Method, methods
from deepexplain2.testing import check_method

v1 = tf.compat.v1
ROOT = Path(__file__).parents[2]


def section(title):
    """The code of a section of ARCHITECTURE.md."""
    text = (ROOT / 'ARCHITECTURE.md').read_text()
    return re.search(rf'### {title}\n.*?```python\n(.*?)```', text, re.S)[1]


@pytest.fixture(scope='module')
def additions():
    """The methods that ARCHITECTURE.md adds, registered for these tests."""
    before, names = set(methods), {}
    for title in ('A wrapper', 'A method with a rule', 'A method that samples masks', 'A target', 'A metric'):
        code = section(title)
        assert len([line for line in code.splitlines() if line.strip()]) <= 30, title
        exec(compile(code, title, 'exec', dont_inherit=True), names)
    yield names
    for name in set(methods) - before:
        methods._classes.pop(name)


@pytest.mark.parametrize('of', ['saliency', 'deeplift', 'intgrad', 'elrp', 'occlusion'])
def test_jittered_wraps_any_method(additions, of):
    """Beside its definition: the mean over x + noise, each computed by the method alone."""
    Jittered = additions['Jittered']
    rng = np.random.default_rng(0)
    w, xs = rng.normal(size=(4, 3)), rng.normal(size=(5, 4))
    parameters = {'steps': 7} if of == 'intgrad' else {}
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float64, (None, 4))
        T = tf.nn.elu(X @ w)
        inner = methods[of](**parameters)
        jittered = Jittered(of=inner, samples=6, noise=.3, seed=5)
        noise = [np.random.default_rng([5, k]).normal(size=(1, 4)) * .3 for k in range(6)]
        expected = np.mean([de.explain(inner, T, X, xs + e, ys=[0, 1, 2, 0, 1]) for e in noise], 0)
        explainer = de.get_explainer(jittered, T, X)
        before = len(session.graph.get_operations())
        for batch_size in None, 1, 3, 64, None:
            got = explainer.run(xs, [0, 1, 2, 0, 1], batch_size)
            np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)
        de.explain(Jittered(of=inner, samples=3), T, X, xs)
        assert len(session.graph.get_operations()) == before       # a wrapper adds nothing
        again = Jittered(of=methods[of](**parameters), samples=6, noise=.3, seed=5)
        assert jittered == again != Jittered(of=inner)


def test_rectified_gradient_beside_its_definition(additions):
    """At ReLU only what is positive and comes through a positive unit passes (Springenberg et al. 2015)."""
    rng = np.random.default_rng(1)
    w, v, xs = rng.normal(size=(4, 6)), rng.normal(size=(6, 3)), rng.normal(size=(5, 4))
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float64, (None, 4))
        T = tf.nn.relu(tf.nn.relu(X @ w) @ v)
        got = de.explain('rectified_gradient', T, X, xs, ys=[0, 1, 2, 0, 1])
        z = xs @ w
        y = np.maximum(z, 0) @ v
        r = np.eye(3)[[0, 1, 2, 0, 1]]
        r = r * (y > 0) * (r > 0) @ v.T
        np.testing.assert_allclose(got, r * (z > 0) * (r > 0) @ w.T, rtol=1e-12)
        assert session.run(T, {X: xs}).shape == (5, 3)              # the graph of the user is untouched
        np.testing.assert_allclose(de.explain('grad*input', T, X, xs), xs * session.run(
            tf.gradients(T, X)[0], {X: xs}), rtol=1e-12)


@pytest.mark.parametrize('name', ['jittered', 'rectified_gradient', 'mean_where_kept'])
def test_additions_keep_to_the_contract(additions, name):
    check_method(methods[name]() if name != 'jittered' else additions['Jittered'](of=methods['grad*input'](),
                                                                              samples=3))


def test_a_wrapper_is_a_method(additions):
    assert issubclass(additions['Jittered'], Method)
    assert repr(
        additions['Jittered'](of=methods['intgrad'](steps=3))) == 'Jittered(of=IntegratedGradients(steps=3))'


def test_mask_sampling_beside_its_definition(additions):
    rng = np.random.default_rng(2)
    w, xs = rng.normal(size=(4, 3)), rng.normal(size=(5, 4))
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float64, (None, 4))
        T = tf.nn.elu(X @ w)
        for batch_size in None, 2:
            got, error = de.explain('mean_where_kept', T, X, xs, ys=[0, 1, 2, 0, 1], batch_size=batch_size,
                                    samples=30, keep=.6, return_std_error=True)
            masks = np.array([np.random.default_rng([0, k]).random(4) < .6 for k in range(30)])
            z = (xs[:, None] * masks) @ w
            scores = np.where(z > 0, z, np.expm1(z))[range(5), :, [0, 1, 2, 0, 1]]
            draws = scores[:, :, None] * masks / .6
            np.testing.assert_allclose(got, draws.mean(1), rtol=1e-10)
            np.testing.assert_allclose(error, draws.std(1, ddof=1) / 30 ** .5, rtol=1e-9)


@pytest.fixture(scope='module')
def linear():
    """(de, X, T, w): T = x w."""
    w = np.array([3., -1., 0., 2.])
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float64, (None, 4))
        yield de, X, tf.linalg.matvec(X, w), w


def test_deletion_by_hand(additions, linear):
    """Of a linear model the exact order is best possible, and its area is known."""
    de, X, T, w = linear
    xs = np.array([[1., 1, 1, 1], [2., 1, 1, -1], [0., 5, 1, 1]])
    exact, metric = xs * w, additions['Deletion'](steps=4)
    for batch_size in None, 1, 7:
        scores = de.evaluate(metric, T, X, xs, exact, batch_size=batch_size)
        parts = -np.sort(-exact, 1)
        curve = exact.sum(1, keepdims=True) - np.c_[np.zeros(3), parts.cumsum(1)]
        np.testing.assert_allclose(scores.values, (curve[:, 1:] + curve[:, :-1]).sum(1) / 8)
    rng = np.random.default_rng(0)
    for _ in range(20):
        others = de.evaluate(metric, T, X, xs, rng.normal(size=xs.shape)).values
        assert (scores.values <= others + 1e-12).all()
    assert repr(scores).startswith('Deletion(steps=4): ') and repr(scores).endswith('over 3 rows, lower is '
                                                                                    'better')
    assert scores.mean == scores.values.mean() and metric == additions['Deletion'](steps=4)
    order = [2, 0, 1]
    np.testing.assert_allclose(de.evaluate(metric, T, X, xs[order], exact[order]).values,
                               scores.values[order])
    shifted = de.evaluate(additions['Deletion'](steps=4, baseline=1.), T, X, xs, exact)
    assert shifted.values[0] == pytest.approx(w.sum())      # the first row is the baseline


def test_what_a_metric_is_given_is_checked(additions, linear):
    de, X, T, w = linear
    xs, metric = np.ones((3, 4)), additions['Deletion']()
    for attributions, said in ((xs[:2], r'have shape \(2, 4\), and xs \(3, 4\)'), (xs * np.nan, 'NaN'),
                               ([[1], [2, 3]], 'uneven')):
        with pytest.raises(errors.DeepExplainError, match=f'attributions for X .*{said}'):
            de.evaluate(metric, T, X, xs, attributions)
    with pytest.raises(errors.UnknownMetric, match=r"no metric 'deletions'\. Did you mean .deletion"):
        de.evaluate('deletions', T, X, xs, xs)
    with pytest.raises(errors.ParameterError, match=r'Give Deletion\(...\)'):
        de.evaluate(additions['Deletion'], T, X, xs, xs)
    with pytest.raises(errors.ParameterError, match='Did you mean "batch_size"'):
        de.evaluate(metric, T, X, xs, xs, batch_sizes=3)


def test_a_box_for_every_row(additions):
    """The gradient of the score, by central differences."""
    rng = np.random.default_rng(4)
    u, v, xs, given = (rng.normal(size=(3, 8)), rng.normal(size=(3, 4)), rng.normal(size=(5, 3)),
                       rng.normal(size=(5, 4)))

    def score(x):
        boxes, scores, box = np.tanh(x @ u).reshape(-1, 2, 4), (x @ v).reshape(-1, 2, 2), given[:, None]
        low, high = np.maximum(boxes[..., :2], box[..., :2]), np.minimum(boxes[..., 2:], box[..., 2:])
        return (np.log1p(np.exp(high - low)).prod(-1) * scores[..., 1]).sum(1)
    step = 1e-5 * np.eye(3)
    expected = xs * np.stack([score(xs + e) - score(xs - e) for e in step], 1) / 2e-5
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float64, (None, 3))
        outputs = [tf.reshape(tf.tanh(X @ u), (-1, 2, 4)), tf.reshape(X @ v, (-1, 2, 2))]
        target = additions['BoxScore'](of_class=1, outputs=outputs)
        for batch_size in None, 2, None:
            got = de.explain('grad*input', target, X, xs, given, batch_size)
            np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-8)
        before = len(session.graph.get_operations())
        de.explain('grad*input', target, X, xs, given + 1)
        assert len(session.graph.get_operations()) == before
        np.testing.assert_allclose(de.value(target, X, xs, given), score(xs))
