"""Rows: a T that changes with the other rows is refused, whatever mixes them and in whatever order; arrays of
n rows that are written into T."""

import warnings

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from tests.support.networks import v1

RNG = np.random.default_rng(0)
W = RNG.normal(size=(4, 5))
XS = RNG.normal(size=(7, 4)) * np.array([5., 1, 1, 1, 1, 1, 1])[:, None]     # row 0 holds the largest number


def attention(v):
    h = tf.tanh(v @ W)
    return tf.nn.softmax(h @ tf.transpose(h)) @ h


def normalized(v):
    h = v @ W
    return tf.nn.batch_normalization(h, *tf.nn.moments(h, 0), None, None, 1e-3)


def scanned(v):
    return tf.scan(lambda h, row: tf.tanh(h + row), v, tf.zeros(4, tf.float64))


def looped(v):
    total = tf.while_loop(lambda i, h: i < tf.shape(v)[0], lambda i, h: (i + 1, h + v[i]),
                          (0, tf.zeros(4, tf.float64)))[1]
    return tf.tanh(v + total)


def best_two(v):
    """Every row minus the second largest of all, or the largest where there is no second."""
    first = v[:, 0]
    return v - tf.nn.top_k(first, tf.minimum(2, tf.size(first)))[0][-1]


MIXING = {
    'max over all': lambda v: tf.maximum(v, tf.reduce_max(v) - 1.),
    'min over all': lambda v: tf.minimum(v, tf.reduce_min(v) + 1.),
    'max over rows': lambda v: v - tf.reduce_max(v, 0),
    'softmax over rows': lambda v: tf.nn.softmax(v @ W, axis=0),
    'attention over rows': attention,
    'cumsum over rows': lambda v: tf.cumsum(tf.tanh(v @ W), 0),
    'cumsum from the last row': lambda v: tf.cumsum(tf.tanh(v @ W), 0, reverse=True),
    'minus row 0': lambda v: tf.tanh(v) - tf.tanh(v)[:1],
    'minus the last row': lambda v: tf.tanh(v) - tf.tanh(v)[-1:],
    'minus the row before': lambda v: v - tf.concat([v[:1], v[:-1]], 0),
    'seen with ys only': lambda v: 2 * tf.nn.softmax(v) - tf.reduce_mean(tf.nn.softmax(v), 0, keepdims=True),
    'one small unit': lambda v: tf.concat([1e6 * v[:, :3], 1e-3 * (v[:, 3:] - tf.reduce_mean(v[:, 3]))], 1),
    'a little of the others': lambda v: v @ W + 1e-3 * tf.reduce_sum(tf.tanh(v)),
    'divided by the number of rows': lambda v: v / tf.cast(tf.shape(v)[0], v.dtype),
    'times the number of the row': lambda v: v * (1. + tf.range(tf.shape(v)[0], dtype=v.dtype)[:, None]),
    'sorted rows': lambda v: tf.transpose(tf.sort(tf.transpose(v))),
    'sorted rows, downwards': lambda v: tf.transpose(tf.sort(tf.transpose(v), direction='DESCENDING')),
    'rows in reverse': lambda v: tf.reverse(v, [0]),
    'rolled by one row': lambda v: tf.roll(v, 1, 0),
    'best two': best_two,
    'statistics of the batch': normalized,
    'a loop over rows': looped,
    'a scan over rows': scanned,
    'in a function': lambda v: tf.function(lambda z: tf.tanh(z) - tf.reduce_mean(z, 0))(v),
    'in a branch': lambda v: tf.cond(tf.constant(True), lambda: tf.tanh(v) - tf.reduce_mean(v, 0), lambda: v),
    'divided by the norm of the batch': lambda v: v / tf.norm(v),
    'ranks': lambda v: v + tf.cast(tf.argsort(tf.argsort(v, axis=0), axis=0), v.dtype),
    'a convolution over rows': lambda v: tf.transpose(tf.nn.conv1d(tf.transpose(v)[..., None],
                                                                   np.ones((3, 1, 1)), 1, 'SAME')[..., 0]),
}


@pytest.fixture
def x(session):
    return v1.placeholder(tf.float64, (None, 4), 'x')


@pytest.mark.parametrize('name', MIXING)
def test_rows_that_mix_are_refused(session, x, name):
    T = MIXING[name](x)
    rng = np.random.default_rng(1)
    with DeepExplain() as de:
        for n, batch_size in [(7, None), (7, None), (4, None), (3, None), (2, None), (2, None), (7, 2),
                              (7, 2), (7, 3), (3, 3), (2, 2)]:
            order = rng.permutation(7)[:n]
            with pytest.raises(errors.TensorError, match='changes with the other rows'):
                de.explain('grad*input', T, x, XS[order], batch_size=batch_size)
        with pytest.raises(errors.TensorError, match='changes with the other rows'):
            de.explain('occlusion', T, x, XS, ys=np.ones((1, T.shape[1])))


def time_first(v):
    steps = tf.transpose(v[..., None], [1, 0, 2])
    return tf.transpose(tf.scan(lambda h, step: tf.tanh(h + step), steps, tf.zeros_like(steps[0])),
                        [1, 0, 2])[..., 0]


def digits_lost(v):
    """What is left of 1e4 in float32, enlarged."""
    a, b = (tf.cast(1e4 + v @ w, tf.float32) for w in (W, W[:, ::-1]))
    return tf.cast(tf.tanh(1e3 * (a - b[:, ::-1])), tf.float64)


@pytest.mark.parametrize('batch_size', [None, 2, 3])
def test_rows_that_are_sorted_already(session, x, batch_size):
    with DeepExplain() as de:
        for xs in np.sort(XS, 0), np.sort(XS, 0)[:2], np.sort(XS, 0)[::-1]:
            for name in 'sorted rows', 'sorted rows, downwards':
                with pytest.raises(errors.TensorError, match='changes with the other rows'):
                    de.explain('grad*input', MIXING[name](x), x, xs, batch_size=batch_size)


APART = {
    'softmax over units': lambda v: tf.nn.softmax(v @ W),
    'normalized by what is known': lambda v: tf.nn.batch_normalization(v, np.zeros(4), np.ones(4), None, None,
                                                                       1e-3),
    'normalized over units': lambda v: (
        v - tf.reduce_mean(v, 1, keepdims=True)) / tf.math.reduce_std(v, 1, keepdims=True),
    'row after row': lambda v: tf.map_fn(tf.tanh, v),
    'there and back': lambda v: tf.transpose(tf.tanh(tf.transpose(v @ W))),
    'time first inside': time_first,
    'flat and back': lambda v: tf.reshape(tf.tanh(tf.reshape(v, [-1])), [-1, 4]),
    'the largest unit': lambda v: tf.nn.top_k(v, 2)[0],
    'a branch by the number of rows': lambda v: tf.cond(tf.shape(v)[0] > 3, lambda: tf.tanh(v),
                                                        lambda: tf.sinh(v) / tf.cosh(v)),
    'digits lost': digits_lost,
    'infinite units': lambda v: tf.concat([v, 1 / tf.zeros_like(v[:, :1])], 1)[:, :4],
    'a dropout': lambda v: tf.nn.dropout(v, .5),
    'a dropout by places': lambda v: tf.nn.experimental.stateless_dropout(v, .5, [1, 2]),
}


@pytest.mark.parametrize('name', APART)
def test_rows_that_do_not_mix(session, x, name):
    """Explained, in one call and row by row, in any order."""
    T = APART[name](x)
    with DeepExplain() as de:
        a = de.explain('grad*input', T, x, XS)
        if 'dropout' not in name:
            alone = np.concatenate([de.explain('grad*input', T, x, row[None]) for row in XS])
            np.testing.assert_allclose(a, alone, rtol=1e-9, atol=1e-9)


def test_mixed_precision_and_big_matrices(session):
    """Kernels round differently for one row and for four: no difference that counts."""
    x = v1.placeholder(tf.float32, (None, 300))
    rng = np.random.default_rng(0)
    big = [tf.constant(rng.normal(size=(300, 300)) / 17, tf.float32) for _ in range(4)]
    h = x
    for w in big:
        h = tf.nn.relu(h @ w)
    small = tf.cast(h, tf.float16) @ tf.cast(big[0], tf.float16)
    lost = tf.round(1e3 * (h @ big[0] - tf.reverse(tf.reverse(h, [1]) @ tf.reverse(big[0], [0]), [0])[:, :]))
    xs = rng.normal(size=(6, 300))
    with DeepExplain() as de:
        for T in h, tf.cast(small, tf.float32):
            de.explain('saliency', T, x, xs)
        with pytest.raises(errors.TensorError, match='through op "ReverseV2'):      # rows in reverse
            de.explain('occlusion', lost, x, xs, window_shape=300, step=300)


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


def test_time_major_graphs_are_told_so(session):
    """Axis 0 is time: a loop over it, and a sum along it."""
    x = v1.placeholder(tf.float64, (None, 1, 4))
    n = tf.shape(x)[0]
    array, out = tf.TensorArray(tf.float64, n).unstack(x), tf.TensorArray(tf.float64, n)

    def step(i, h, o):
        h = tf.tanh(.9 * h + array.read(i))
        return i + 1, h, o.write(i, h)
    loop = tf.while_loop(lambda i, h, o: i < n, step, (0, tf.zeros((1, 4), tf.float64), out))[2].stack()
    xs = XS[:6, None]
    with DeepExplain() as de:
        for T in tf.reduce_sum(loop, [1, 2]), tf.scan(lambda h, v: tf.tanh(h + v),
                                                      x)[:, 0], tf.cumsum(x, 0)[:, 0]:
            for name, sizes in ('saliency', (None, 2)), ('occlusion', (None,)):
                for size in sizes:
                    with pytest.raises(errors.TensorError, match='If the first axis of X is time, feed the '
                                                                 'batch first'):
                        de.explain(name, T, x, xs, batch_size=size)


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


class TestStatisticsBehindConditionals:
    SCALE = np.array([1.5, 1, .5], 'f')
    IMAGES = RNG.normal(size=(3, 4, 4, 3)).astype('f')

    def train(self, x):
        return v1.nn.fused_batch_norm(x, self.SCALE, self.SCALE, is_training=True)[0]

    def infer(self, x):
        return v1.nn.fused_batch_norm(x, self.SCALE, self.SCALE, self.SCALE, self.SCALE, is_training=False)[0]

    def build(self, kind, x, value):
        """(tensor, feed_dict) of a normalization that is in training mode if value."""
        flag, phase = v1.placeholder(tf.bool, ()), v1.placeholder_with_default(False, (),
                                                                               f'keras_learning_phase_{value}')

        def either(p, x=x):
            return tf.cond(p, lambda: self.train(x), lambda: self.infer(x))
        return {
            'fed': lambda: (either(flag), {flag: value}),
            'default': lambda: (either(v1.placeholder_with_default(value, ())), {}),
            'constant': lambda: (either(tf.constant(value)), {}),
            'negated': lambda: (tf.cond(tf.logical_not(flag), lambda: self.infer(x), lambda: self.train(x)),
                                {flag: value}),
            'nested': lambda: (tf.cond(tf.constant(True), lambda: either(flag), lambda: x), {flag: value}),
            'function': lambda: (tf.function(lambda z, p: either(p, z))(x, flag), {flag: value}),
            'in a function': lambda: (tf.function(self.train if value else self.infer)(x), {}),
            'case': lambda: (tf.switch_case(tf.cast(flag, tf.int32), [lambda: self.infer(x),
                                                                      lambda: self.train(x)]), {flag: value}),
            'loop': lambda: (tf.while_loop(lambda i, h: i < 2,
                                           lambda i, h: (i + 1, (self.train if value else self.infer)(h)),
                                           (0, x))[1], {}),
            'learning phase': lambda: (either(phase), {phase: True} if value else {}),
        }[kind]()

    @pytest.mark.parametrize('v2', [True, False], ids=['v2', 'v1'])
    @pytest.mark.parametrize('kind', ['fed', 'default', 'constant', 'negated', 'nested', 'function',
                                      'in a function', 'case', 'loop',
                                      'learning phase'])
    def test_by_what_is_fed(self, session, kind, v2):
        x = v1.placeholder(tf.float32, (None, 4, 4, 3))
        (v1.enable_control_flow_v2 if v2 else v1.disable_control_flow_v2)()
        try:
            built = {value: self.build(kind, x, value) for value in (False, True)}
        finally:
            v1.enable_control_flow_v2()
        with DeepExplain() as de:
            for value, (h, feed) in built.items():
                for images in self.IMAGES, self.IMAGES[:1]:
                    if value:
                        with pytest.raises(errors.TensorError, match='statistics of the batch'):
                            de.explain('occlusion', h, x, images, feed_dict=feed, window_shape=(4, 4, 3),
                                       step=(4, 4, 3))
                    else:
                        de.explain('occlusion', h, x, images, feed_dict=feed, window_shape=(4, 4, 3),
                                   step=(4, 4, 3))

    def test_written_by_hand(self, session, x):
        """Seen in the values, with every value of the flag."""
        flag = v1.placeholder(tf.bool, ())
        T = tf.cond(flag, lambda: normalized(x), lambda: x @ W)
        with DeepExplain() as de:
            de.explain('saliency', T, x, XS, feed_dict={flag: False})
            with pytest.raises(errors.TensorError, match='changes with the other rows'):
                de.explain('saliency', T, x, XS, feed_dict={flag: True})


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
