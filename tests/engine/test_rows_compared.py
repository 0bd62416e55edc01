"""Which rows are compared, when, and what is said of a T that does not grow with the rows."""

import warnings

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from tests.support.networks import v1

RNG = np.random.default_rng(0)
W = RNG.normal(size=(4, 5))
XS = RNG.normal(size=(7, 4)) * np.array([5., 1, 1, 1, 1, 1, 1])[:, None]     # row 0 holds the largest number


@pytest.fixture
def x(session):
    return v1.placeholder(tf.float64, (None, 4), 'x')


class TestWhatIsCompared:
    def test_once_and_few(self, session, x):
        """Three runs of at most four rows, in the first run with rows that differ; and again where another
        flag is fed. Two runs more show whether the Python function in T is random."""
        seen = []
        flag = v1.placeholder(tf.bool, ())
        T = tf.tanh(tf.ensure_shape(tf.numpy_function(lambda v: seen.append(len(v)) or v, [x * 2.],
                                                      tf.float64), (None, 4)) @ W)
        T = tf.cond(flag, lambda: T, lambda: T + 0.)
        with DeepExplain() as de:
            explainer = de.get_explainer('occlusion', T, x, window_shape=4, step=4)
            explainer.run(XS[:1], feed_dict={flag: True})
            # nothing to be seen in equal rows
            explainer.run(np.repeat(XS[:1], 3, 0), feed_dict={flag: True})
            runs = []
            for rows, value in (XS, True), (XS, True), (XS[:3], True), (XS, False), (XS, False):
                seen.clear()
                explainer.run(rows, feed_dict={flag: value})
                runs.append(seen[:])
            assert runs[0][:3] == [4, 4, 1] and [len(r) - len(runs[1]) for r in runs] == [3, 0, 0, 5, 0]

    def test_rows_that_differ_are_looked_for(self, session, x):
        """Two equal rows at the ends and in the middle."""
        T = x - tf.reduce_mean(x, 0)
        with DeepExplain() as de:
            with pytest.raises(errors.TensorError, match='changes with the other rows'):
                de.explain('saliency', T, x, XS[[0, 0, 0, 1, 0, 0]])

    def test_one_row_first_and_streams(self, session, x):
        T = tf.cumsum(x, 0)
        with DeepExplain() as de:
            explainer = de.get_explainer('grad*input', T, x)
            explainer.run(XS[:1])
            with pytest.raises(errors.TensorError):
                explainer.run(XS)
            with pytest.raises(errors.TensorError):
                list(explainer.stream([XS[:1], XS[:3]]))
            with pytest.raises(errors.TensorError):
                explainer.run(XS, out=np.zeros_like(XS))
            with pytest.warns(errors.PathWarning, match='changes with the other rows .*With batch_size=1 '
                                                        'every row is explained as if'):
                assert explainer.run(XS, batch_size=1) == pytest.approx(XS)         # every row alone
            with warnings.catch_warnings():
                warnings.simplefilter('error')
                explainer.run(XS, batch_size=1)                                     # said once

    def test_rows_that_are_fed_beside_x(self, session, x):
        other = v1.placeholder(tf.float64, (None, 4))
        T = x * (other - tf.reduce_mean(other, 0))
        with DeepExplain() as de:
            de.explain('saliency', x * other, x, XS, feed_dict={other: XS})
            for xs in XS, np.repeat(XS[:1], 7, 0):
                with pytest.raises(errors.TensorError, match='changes with the other rows'):
                    de.explain('saliency', T, x, xs, feed_dict={other: XS})

    def test_a_fixed_batch(self, session):
        x = v1.placeholder(tf.float64, (3, 4))
        with DeepExplain() as de:
            de.explain('occlusion', tf.tanh(x) * np.arange(1., 4)[:, None], x, XS[:3])
            for T in tf.tanh(x) - tf.reduce_max(x), x - tf.concat([x[:1], x[:-1]], 0):
                for order in [0, 1, 2], [1, 0, 2], [2, 1, 0], [0, 1, 2, 3, 4], [1, 0]:
                    with pytest.raises(errors.TensorError, match='changes with the other rows'):
                        de.explain('occlusion', T, x, XS[order])

    def test_several_inputs(self, session, x):
        y = v1.placeholder(tf.float64, (None, 4))
        with DeepExplain() as de:
            de.explain('intgrad', x * y, [x, y], [XS, XS])
            with pytest.raises(errors.TensorError):
                de.explain('intgrad', x * tf.reduce_sum(y, 0), [x, y], [XS, XS])


ADDING = {'sum': lambda x: tf.reduce_sum(tf.tanh(x)),
          'mean with a penalty': lambda x: tf.reduce_mean(tf.tanh(x)) + .3,
          'sums of units': lambda x: tf.reduce_sum(tf.sin(x), 0),
          'mean of units': lambda x: tf.reduce_mean(tf.sin(x), 0, keepdims=True),
          'constant': lambda x: 0 * tf.reduce_sum(x) + 2,
          # of shape (1,), TensorFlow says, and one for each row
          'labels of one row': lambda x: tf.nn.softmax_cross_entropy_with_logits(tf.constant([1., 0, 0, 0],
                                                                                             x.dtype), x)}
JOINT = {'maximum': tf.reduce_max, 'square of the sum': lambda x: tf.reduce_sum(x) ** 2, 'norm': tf.norm,
         'log-sum-exp': tf.reduce_logsumexp,
         'first row': lambda x: tf.tanh(x)[0],
         'last state over time': lambda x: tf.foldl(lambda h, e: tf.tanh(e + h / 2), x)[None]}


@pytest.mark.parametrize('name', [*ADDING, *JOINT])
def test_targets_that_do_not_grow_with_the_rows(session, x, name):
    """Explained row by row: in silence where T adds up over rows, with one warning where it does not,
    whatever the order of the rows."""
    T = (ADDING | JOINT)[name](x)
    for xs in XS, XS[::-1]:
        with DeepExplain() as de, warnings.catch_warnings(record=True) as told:
            warnings.simplefilter('always')
            explainer = de.get_explainer('grad*input', T, x)
            for _ in range(2):
                a = explainer.run(xs)
            np.testing.assert_allclose(a[:1], explainer.run(xs[:1]))
        told = [w for w in told if 'does not grow with the rows of xs' in str(w.message)]
        assert len(told) == (name in JOINT and xs is XS), [str(w.message) for w in told]
    if name in JOINT:
        with v1.Session(graph=session.graph) as other, DeepExplain(other) as de:
            with pytest.warns(errors.PathWarning, match='neither the sum nor the mean'):
                de.explain('saliency', T, x, XS[::-1])
