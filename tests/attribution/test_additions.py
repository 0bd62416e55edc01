"""Additions to the library, each of them what one new file would hold: a wrapper of any method, and a rule at
ReLU. ARCHITECTURE.md shows the same code."""

import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain
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
    for title in 'A wrapper', 'A method with a rule':
        code = section(title)
        assert len([line for line in code.splitlines() if line.strip()]) <= 30, title
        exec(compile(code, title, 'exec', dont_inherit=True), names)
    yield names
    for name in set(methods) - before:
        methods._classes.pop(name)


@pytest.mark.parametrize('of', ['saliency', 'deeplift', 'intgrad', 'elrp', 'occlusion'])
def test_smooth_wraps_any_method(additions, of):
    """Beside its definition: the mean over x + noise, each computed by the method alone."""
    Smooth = additions['Smooth']
    rng = np.random.default_rng(0)
    w, xs = rng.normal(size=(4, 3)), rng.normal(size=(5, 4))
    parameters = {'steps': 7} if of == 'intgrad' else {}
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float64, (None, 4))
        T = tf.nn.elu(X @ w)
        inner = methods[of](**parameters)
        smooth = Smooth(of=inner, samples=6, noise=.3, seed=5)
        noise = [np.random.default_rng([5, k]).normal(size=(1, 4)) * .3 for k in range(6)]
        expected = np.mean([de.explain(inner, T, X, xs + e, ys=[0, 1, 2, 0, 1]) for e in noise], 0)
        explainer = de.get_explainer(smooth, T, X)
        before = len(session.graph.get_operations())
        for batch_size in None, 1, 3, 64, None:
            got = explainer.run(xs, [0, 1, 2, 0, 1], batch_size)
            np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)
        de.explain(Smooth(of=inner, samples=3), T, X, xs)
        assert len(session.graph.get_operations()) == before       # a wrapper adds nothing
        assert smooth == Smooth(of=methods[of](**parameters), samples=6, noise=.3, seed=5) != Smooth(of=inner)


def test_guided_backprop_beside_its_definition(additions):
    """At ReLU only what is positive and comes through a positive unit passes (Springenberg et al. 2015)."""
    rng = np.random.default_rng(1)
    w, v, xs = rng.normal(size=(4, 6)), rng.normal(size=(6, 3)), rng.normal(size=(5, 4))
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float64, (None, 4))
        T = tf.nn.relu(tf.nn.relu(X @ w) @ v)
        got = de.explain('guided_backprop', T, X, xs, ys=[0, 1, 2, 0, 1])
        z = xs @ w
        y = np.maximum(z, 0) @ v
        r = np.eye(3)[[0, 1, 2, 0, 1]]
        r = r * (y > 0) * (r > 0) @ v.T
        np.testing.assert_allclose(got, r * (z > 0) * (r > 0) @ w.T, rtol=1e-12)
        assert session.run(T, {X: xs}).shape == (5, 3)              # the graph of the user is untouched
        np.testing.assert_allclose(de.explain('grad*input', T, X, xs), xs * session.run(
            tf.gradients(T, X)[0], {X: xs}), rtol=1e-12)


@pytest.mark.parametrize('name', ['smooth', 'guided_backprop'])
def test_additions_keep_to_the_contract(additions, name):
    check_method(methods[name]() if name != 'smooth' else additions['Smooth'](of=methods['grad*input'](),
                                                                              samples=3))


def test_a_wrapper_is_a_method(additions):
    assert issubclass(additions['Smooth'], Method)
    assert repr(
        additions['Smooth'](of=methods['intgrad'](steps=3))) == 'Smooth(of=IntegratedGradients(steps=3))'
