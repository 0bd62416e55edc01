"""Token ids explained at their embedding lookups: the same as explaining the lookups by hand."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from deepexplain2.features import Axes
from tests.support.few import ANYWHERE
from tests.support.networks import v1

RNG = np.random.default_rng(0)
TABLE, SECOND, W = RNG.normal(size=(9, 3)), RNG.normal(size=(9, 3)), RNG.normal(size=(12, 2))
IDS, MORE = RNG.integers(0, 9, (5, 4)), RNG.integers(0, 9, (5, 4))
# whole words at the embedding, for the methods that switch these
BY_WORD = {'occlusion': {'window_shape': (1, 3)}, 'shapley_sampling': {'sampling_dims': [1]},
           **{name: {'features': Axes([1])}
              for name in ('hsic', 'kernel_shap', 'lime', 'owen', 'rise', 'shapley', 'sobol')}}
HAS_BASELINE = ['intgrad', 'deeplift', 'occlusion', 'shapley_sampling']


def head(h):
    return tf.tanh(tf.reshape(h, (-1, 12)) @ W)


def at_embedding(de, name, T, embedded, *given, **more):
    found = de.explain(name, T, embedded, *given, **more, **BY_WORD.get(name, {}))
    if name == 'occlusion':                             # each entry has its share of the drop of a word
        return found.sum(-1)
    return found[..., 0] if 'features' in BY_WORD.get(name, {}) else found


@pytest.fixture
def ids(session):
    return v1.placeholder(tf.int32, (None, 4), 'ids')


@pytest.mark.parametrize('name', ANYWHERE)
def test_attributes_at_the_lookup(ids, name):
    embedded = tf.nn.embedding_lookup(TABLE, ids)
    T = head(embedded)
    ys = np.array([0, 1, 1, 0, 1])
    with DeepExplain() as de:
        expected = at_embedding(de, name, T, embedded, TABLE[IDS], ys=ys)
        by_word = expected if name in BY_WORD else expected.sum(-1)
        for batch_size in None, 2:
            got = de.explain(name, T, ids, IDS, ys=ys, batch_size=batch_size)
            np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(de.explain(name, T, ids, IDS, ys=ys, sum_embedding=True), by_word,
                                   rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(de.get_explainer(name, T * np.eye(2)[ys], ids).run(IDS), expected,
                                   rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize('name', HAS_BASELINE)
def test_baselines(ids, name):
    embedded = tf.nn.embedding_lookup(TABLE, ids)
    T = head(embedded)
    with DeepExplain() as de:
        for given, there in [('zero', 0.), (3, TABLE[[3] * 4]), (np.int64(0), TABLE[[0] * 4]),
                             (TABLE[MORE], TABLE[MORE]),
                             (TABLE[MORE[0]], TABLE[MORE[0]])]:
            np.testing.assert_allclose(de.explain(name, T, ids, IDS, baseline=given),
                                       at_embedding(de, name, T, embedded, TABLE[IDS], baseline=there),
                                       rtol=1e-9, atol=1e-12)
        with pytest.raises(errors.ParameterError, match="baseline must be 'zero', a token id or an array"):
            de.explain(name, T, ids, IDS, baseline='padding')


def test_complete_with_a_mask_and_a_padding_baseline(ids):
    """mask_zero: a comparison of the ids, held at that of xs; the table is live."""
    table = tf.Variable(TABLE)
    mask = tf.cast(tf.not_equal(ids, 0), tf.float64)
    T = head(tf.nn.embedding_lookup(table, ids) * mask[..., None])
    with DeepExplain() as de:
        de.session.run(table.initializer)
        for scale in 1., .5:
            de.session.run(table.assign(TABLE * scale))
            a = de.explain('deeplift', T, ids, IDS, baseline=0, sum_embedding=True)
            m = (IDS != 0)[..., None]
            f = lambda e: np.tanh(e.reshape(5, 12) @ W).sum(1)  # noqa: E731
            np.testing.assert_allclose(a.sum(1),
                                       f(TABLE[IDS] * scale * m) - f(TABLE[np.zeros_like(IDS)] * scale * m))


@pytest.mark.parametrize('name', ['saliency', 'grad*input', 'intgrad', 'elrp', 'deeplift'])
def test_several_lookups(ids, name):
    """Two branches on one input, in tables of one width or of two."""
    a, b = tf.nn.embedding_lookup(TABLE, ids), tf.nn.embedding_lookup(SECOND, ids)
    narrow = tf.nn.embedding_lookup(SECOND[:, :2], ids)
    with DeepExplain() as de:
        first, second = de.explain(name, head(a) + 2 * head(b), [a, b], [TABLE[IDS], SECOND[IDS]])
        np.testing.assert_allclose(de.explain(name, head(a) + 2 * head(b), ids, IDS), first + second,
                                   rtol=1e-9, atol=1e-12)
        T = head(a) + tf.tanh(tf.reduce_sum(narrow, 1))
        with pytest.raises(errors.ParameterError, match='tables of different widths'):
            de.explain(name, T, ids, IDS)
        assert de.explain(name, T, ids, IDS, sum_embedding=True).shape == (5, 4)


def test_positions_and_a_fixed_batch(session):
    """A position table is not looked up by ids; a graph that takes 3 rows."""
    ids = v1.placeholder(tf.int32, (3, 4))
    tokens, positions = tf.gather(TABLE, ids), tf.gather(SECOND, tf.range(4))
    T = head(tokens + positions)
    with DeepExplain() as de:
        a = de.explain('deeplift', T, ids, IDS)
        wide = v1.placeholder(tf.float64, (None, 4, 3))
        np.testing.assert_allclose(a, de.explain('deeplift', head(wide + SECOND[:4]), wide, TABLE[IDS]),
                                   rtol=1e-9, atol=1e-12)


def test_other_uses_of_the_ids_are_named(ids):
    with DeepExplain() as de:
        embedded = tf.nn.embedding_lookup(TABLE, ids)
        with pytest.raises(errors.PathError, match=r'not only through embedding lookups, but also through '
                                                   r'"one_hot" \(OneHot\)'):
            de.explain('intgrad', head(embedded) + tf.reduce_sum(tf.one_hot(ids, 2, dtype=tf.float64), 1),
                       ids, IDS)
        with pytest.raises(errors.ShapeError, match=r'xs has shape \(5, 3\), but X "ids:0" takes \(\?, 4\)'):
            de.explain('intgrad', head(embedded), ids, IDS[:, :3])
        with pytest.raises(errors.ParameterError, match='has no parameter'):
            de.explain('saliency', head(embedded), ids, IDS, baseline=0)


@pytest.mark.parametrize('name', ANYWHERE)
def test_ids_in_floats(session, name):
    """A Keras input without a dtype takes ids as floats, which the Embedding casts, and makes its mask of
    them."""
    ids = v1.placeholder(tf.float32, (None, 4), 'ids')
    embedded = tf.nn.embedding_lookup(TABLE, tf.cast(ids, tf.int32))
    T = head(embedded * tf.cast(tf.not_equal(ids, 0), tf.float64)[..., None])
    with DeepExplain() as de:
        expected = at_embedding(de, name, T, embedded, TABLE[IDS], feed_dict={ids: IDS})
        by_word = expected if name in BY_WORD else expected.sum(-1)
        np.testing.assert_allclose(de.explain(name, T, ids, IDS, sum_embedding=True), by_word,
                                   rtol=1e-9, atol=1e-12)
        assert de.audit(name, T, ids).fits == de.audit(name, T, embedded).fits
        for wrong, what in (IDS + .5, 'ids are whole numbers'), (IDS + 9, 'knows 9: 0 to 8'):
            with pytest.raises(errors.ValueRangeError, match=what):
                de.explain(name, T, ids, wrong)


def test_floats_that_count_as_numbers_too_are_no_ids(session):
    X = v1.placeholder(tf.float64, (None, 4), 'x')
    T = head(tf.nn.embedding_lookup(TABLE, tf.cast(X, tf.int32))) + X[:, :2]
    with DeepExplain() as de, pytest.warns(errors.PathWarning, match='pass no gradient'):
        assert de.explain('grad*input', T, X, IDS).shape == IDS.shape
