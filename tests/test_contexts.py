"""Contexts on one graph: in turn, in threads, after errors; what was compiled is found again."""

import threading

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from tests.support.few import ANYWHERE
from tests.support.networks import v1

W = np.array([[1., 2, 3], [4, 5, -6], [-7, 8, 9], [1, -1, 1]])
V = W / 10
XS = np.random.default_rng(1).normal(size=(3, 4))
BOTH = ['elrp', 'deeplift']


@pytest.fixture
def x(session):
    return v1.placeholder(tf.float64, (None, 4), 'x')


def ops(session):
    return len(session.graph.get_operations())


def test_new_contexts_find_what_was_compiled(session, x):
    T = tf.tanh(x @ W)
    for name in ANYWHERE:
        with DeepExplain() as de:
            de.explain(name, T, x, XS)
    before = ops(session)
    for name in ANYWHERE:
        with DeepExplain() as de:
            de.explain(name, T, x, XS)
            de.get_explainer(name, T, x)
    assert ops(session) == before


def test_parameters_with_equal_names_are_not_equal(session, x):
    """An array-like without array contents to compare is taken anew each time."""
    class Column:
        def __init__(self, value):
            self.value = value

        def __array__(self, dtype=None, copy=None):
            return np.full(4, self.value, dtype)

        def __repr__(self):
            return 'Column'
    with DeepExplain() as de:
        a = [de.explain('deeplift', x @ W, x, XS, baseline=Column(v)) for v in (0., 1.)]
        np.testing.assert_allclose(a[0] - a[1], np.broadcast_to(W.sum(1), (3, 4)))


def test_contexts_in_threads(session, x):
    """Many contexts on one graph compile at the same time."""
    targets = [tf.tanh(x @ (W * k)) for k in range(1, 7)]
    results, failures = {}, []

    def work(k):
        try:
            with DeepExplain(session) as de:
                results[k] = [de.explain(name, targets[k], x, XS)
                              for name in ('elrp', 'deeplift', 'grad*input')]
        except Exception as e:
            failures.append(e)
    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures
    with DeepExplain(session) as de:
        for k in range(6):
            for got, name in zip(results[k], ('elrp', 'deeplift', 'grad*input')):
                np.testing.assert_allclose(got, de.explain(name, targets[k] + 0., x, XS), rtol=1e-9)


def test_warnings_as_errors_leave_nothing(session, x):
    T = tf.where(tf.equal(tf.argmax(x, 1), 0)[:, None], tf.math.cumprod(x, 1), x)
    before = ops(session)
    with DeepExplain() as de:
        for name in BOTH:
            with pytest.raises(errors.NonlinearOpWarning):      # by the settings of the suite
                de.explain(name, T, x, XS)
    assert ops(session) == before


def test_no_gradient_after_all_leaves_nothing(session, x):
    """zeta has a registered gradient, which is None for x in places."""
    T = tf.math.zeta(tf.constant(2., tf.float64),
                     x + 2.) * 0. + tf.math.polygamma(x + 1., tf.constant(2., tf.float64))
    before = ops(session)
    with DeepExplain() as de:
        for name in 'saliency', 'intgrad':
            try:
                de.explain(name, tf.math.polygamma(x + 1., tf.constant(2., tf.float64)), x, XS)
            except errors.DeepExplainError:
                pass
    assert not [op.name for op in session.graph.get_operations()[before:]
                if 'deepexplain2' in op.name] and T is not None


def test_inputs_and_outputs_are_those_of_the_model(session, x):
    """What explaining added to the graph is not among them."""
    T = tf.nn.relu(x @ V, name='scores')
    with DeepExplain() as de:
        de.explain('deeplift', T, x, XS, baseline=np.ones(4))
        assert list(de.inputs) == [x] and list(de.outputs) == [T]
