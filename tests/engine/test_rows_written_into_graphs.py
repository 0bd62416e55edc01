"""Arrays of n rows that are written into T: every row is explained against its own."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from tests.support.networks import v1

RNG = np.random.default_rng(0)
XS = RNG.normal(size=(7, 4)) * np.array([5., 1, 1, 1, 1, 1, 1])[:, None]     # row 0 holds the largest number


@pytest.fixture
def x(session):
    return v1.placeholder(tf.float64, (None, 4), 'x')


class TestWrittenRows:
    """An array of n rows in T: every row is explained against its own."""
    LABELS = np.array([0, 1, 2, 0, 1])
    C = np.eye(3)[LABELS]
    ROW = {     # of every row, whatever takes the array in
        'function': lambda z, c, k: tf.function(lambda h: h * c)(z),
        'function in a function': lambda z, c, k: tf.function(
            lambda h: tf.function(lambda g: g * c)(h) * 2.)(z),
        'branch': lambda z, c, k: tf.cond(tf.constant(True), lambda: z * c, lambda: z),
        'case': lambda z, c, k: tf.switch_case(tf.constant(1), [lambda: z, lambda: z * c]),
        'loop': lambda z, c, k: tf.while_loop(lambda i, h: i < 2, lambda i, h: (i + 1, h * c), (0, z))[1],
        'matvec': lambda z, c, k: tf.linalg.matvec(z[:, None], c),
        'matmul': lambda z, c, k: (z[:, None] @ c[:, :, None])[:, 0],
        'einsum': lambda z, c, k: tf.einsum('bi,bi->b', z, c),
        'concat': lambda z, c, k: tf.concat([z, c], 1) ** 2,
        'where': lambda z, c, k: tf.function(lambda h: tf.where(c > 0, h, 0.))(z),
        'gather': lambda z, c, k: tf.gather(z, k[:, None], batch_dims=1),
        'gather_nd': lambda z, c, k: tf.gather_nd(z, np.stack([np.arange(len(k)), k], 1)),
        'one_hot': lambda z, c, k: tf.function(lambda h: tf.reduce_sum(tf.one_hot(k, 3, dtype=h.dtype) * h,
                                                                       1))(z),
        'sparse cross-entropy': lambda z, c, k: tf.nn.sparse_softmax_cross_entropy_with_logits(k, z),
        'cross-entropy': lambda z, c, k: tf.nn.softmax_cross_entropy_with_logits(c, z),
        'scatter': lambda z, c, k: tf.tensor_scatter_nd_add(z, np.stack([np.arange(len(k)), k], 1),
                                                            tf.ones(len(k), z.dtype)) ** 2,
        'boolean_mask': lambda z, c, k: tf.boolean_mask(z, c > 0),
        'transposed bias': lambda z, c, k: tf.transpose(tf.nn.bias_add(tf.transpose(z), c[:, 0])) ** 2,
        'unknown shape': lambda z, c, k: z * tf.boolean_mask(c, len(k) * [True]),
    }

    @pytest.mark.parametrize('name', ROW)
    def test_of_every_row(self, session, name):
        x = v1.placeholder(tf.float64, (None, 3))
        T = self.ROW[name](tf.tanh(x), tf.constant(self.C), self.LABELS)
        xs = XS[:5, :3]
        gradient = session.run(tf.gradients(self.ROW[name](tf.tanh(x), tf.constant(self.C), self.LABELS),
                                            x)[0], {x: xs})
        off = [session.run(T, {x: xs * (np.arange(3) != i)}) for i in range(3)]
        value = session.run(T, {x: xs})
        change = np.stack([(value - t).reshape(5, -1).sum(1) for t in off], 1)
        with DeepExplain() as de:
            np.testing.assert_allclose(de.explain('grad*input', T, x, xs), gradient * xs, rtol=1e-9,
                                       atol=1e-12)
            np.testing.assert_allclose(de.explain('occlusion', T, x, xs), change, rtol=1e-9, atol=1e-12)
            for method in 'grad*input', 'occlusion':
                more = np.concatenate([xs, xs])
                for wrong, size in [(xs, 2), (xs, 1), (xs[:3], None),
                                    (more, 5)] + [(more, None)] * (name not in ('gather_nd', 'scatter')):
                    with pytest.raises(errors.DeepExplainError):
                        de.explain(method, T, x, wrong, batch_size=size)

    @pytest.mark.parametrize('where', ['plain', 'function', 'branch', 'loop'])
    def test_scalars(self, session, where):
        """A loss of all rows: together, or refused; other numbers of rows and methods that need a value per
        row are refused."""
        x = v1.placeholder(tf.float64, (None, 3))
        T = tf.reduce_sum({'plain': lambda z, c, k: tf.nn.softmax_cross_entropy_with_logits(c, z),
                           'function': self.ROW['function'],
                           'branch': self.ROW['branch'], 'loop': self.ROW['loop']}[where](
                               tf.tanh(x), tf.constant(self.C), self.LABELS))
        xs = XS[:5, :3]
        expected = session.run(tf.gradients(T, x)[0], {x: xs}) * xs if where == 'plain' else None
        with DeepExplain() as de:
            a = de.explain('grad*input', T, x, xs)
            if where != 'plain':
                expected = (1 - np.tanh(xs) ** 2) * self.C * xs
            np.testing.assert_allclose(a, expected, rtol=1e-9, atol=1e-12)
            with pytest.raises(errors.TensorError, match='has no batch axis and contains an array of 5 rows'):
                de.explain('occlusion', T, x, xs)
            for wrong, size in (xs[:3], None), (xs, 2):
                with pytest.raises(errors.DeepExplainError):
                    de.explain('grad*input', T, x, wrong, batch_size=size)

    def test_one_row_over_two(self, session):
        """A diagonal of weights: T of the one row has two, and all of it is explained."""
        x = v1.placeholder(tf.float64, (None, 2))
        diagonal = np.diag([3., 3.])
        with DeepExplain() as de:
            for T in tf.nn.relu(x * diagonal), x * diagonal, tf.reduce_sum(x * diagonal), tf.function(
                lambda z: z * diagonal)(x):
                for name in 'grad*input', 'intgrad', 'occlusion', 'deeplift', 'elrp':
                    np.testing.assert_allclose(de.explain(name, T, x, [[3., 1]]), [[9, 3]], rtol=1e-3)
                with pytest.raises(errors.DeepExplainError):
                    de.explain('grad*input', T, x, np.ones((3, 2)))

    def test_what_has_fixed_axes_and_no_such_array(self, session, x):
        """Positions added with time first, a mean over rows, a selection by numbers: any number of rows, as
        before."""
        sequence = v1.placeholder(tf.float64, (None, None, 4))
        T = tf.transpose(tf.transpose(sequence, [1, 0, 2]) + np.arange(3.)[:, None, None], [1, 0, 2])
        with DeepExplain() as de:
            assert de.explain('grad*input', tf.tanh(T), sequence,
                              RNG.normal(size=(5, 3, 4))).shape == (5, 3, 4)
            np.testing.assert_allclose(de.explain('grad*input', tf.reduce_mean(x * 2., 0), x, XS), 2 * XS)
