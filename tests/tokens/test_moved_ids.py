"""Ids that a model moves, masks or maps before it looks them up: the same as its moving the embeddings."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from tests.support.networks import v1

RNG = np.random.default_rng(5)
TABLE, SMALL = RNG.normal(size=(9, 3)), RNG.integers(0, 9, 7)
IDS, ROW, EACH = RNG.integers(1, 9, (5, 4)), np.array([2, 0, 7, 3]), RNG.integers(0, 9, (5, 4))
MASK, LENGTHS = RNG.integers(0, 2, (5, 4)), np.array([4, 2, 3, 1, 4])
WEIGHTS = RNG.normal(size=(8, 3, 2))


def head(h):
    """A T that tells all entries of an embedding apart."""
    h = tf.ensure_shape(h, (None, None, 3))
    return tf.tanh(tf.einsum('nld,ldk->nk', h, WEIGHTS[:h.shape[1] or 4]))


def look(ids):
    return tf.gather(TABLE, ids)


def with_first(v, first):
    return tf.concat([tf.broadcast_to(tf.cast(first, v.dtype), tf.concat([tf.shape(v)[:1], [1],
                                                                       tf.shape(v)[2:]], 0)), v], 1)


# name -> (from ids to what is embedded, from the embedding of ids to that); each with the mask and lengths
MOVED = {
    'flat, as BERT does': (lambda i, m, n: tf.reshape(look(tf.reshape(i, [-1])), [-1, 4, 3]),
                           lambda e, m, n: e),
    'flat by the shape': (lambda i, m, n: tf.reshape(look(tf.reshape(tf.expand_dims(i, -1), [-1])),
                                                     tf.concat([tf.shape(i), [3]], 0)), lambda e, m, n: e),
    'reversed': (lambda i, m, n: look(i[:, ::-1]), lambda e, m, n: e[:, ::-1]),
    'reversed as long as each': (lambda i, m, n: look(tf.reverse_sequence(i, n, 1)),
                                 lambda e, m, n: tf.reverse_sequence(e, n, 1)),
    'sliced': (lambda i, m, n: look(i[:, 1:3]), lambda e, m, n: e[:, 1:3]),
    'with a first token': (lambda i, m, n: look(with_first(i, 8)), lambda e, m, n: with_first(e, TABLE[8])),
    'twice': (lambda i, m, n: look(tf.concat([i, i], 1)), lambda e, m, n: tf.concat([e, e], 1)),
    'gathered': (lambda i, m, n: look(tf.gather(i, [2, 0, 1, 2], axis=1)),
                 lambda e, m, n: tf.gather(e, [2, 0, 1, 2], axis=1)),
    'masked': (lambda i, m, n: look(tf.where(m > 0, i, 0)),
               lambda e, m, n: tf.where(m[..., None] > 0, e, TABLE[0])),
    'multiplied as floats': (lambda i, m, n: look(tf.cast(tf.cast(i, tf.float32)
                                                          * tf.cast(m, tf.float32), tf.int32)),
                             lambda e, m, n: tf.where(m[..., None] > 0, e, TABLE[0])),
    'masked and reversed': (lambda i, m, n: look(tf.where(m > 0, i, 0)[:, ::-1]),
                            lambda e, m, n: tf.where(m[..., None] > 0, e, TABLE[0])[:, ::-1]),
    'each twice, a row of two': (lambda i, m, n: tf.reshape(look(tf.stack([i, i], 2)), [-1, 8, 3]),
                                 lambda e, m, n: tf.repeat(e, 2, 1)),
}
MASKED = {'masked', 'multiplied as floats', 'masked and reversed'}
FED = MASKED | {'reversed as long as each'}
ONCE = {'flat, as BERT does', 'flat by the shape', 'reversed', 'reversed as long as each', 'sliced',
        'with a first token'}
# (method, baseline of ids, the same at the embedding)
EVERY = [('deeplift', 3, TABLE[[3] * 4]), ('intgrad', ROW, TABLE[ROW]), ('deeplift', EACH, TABLE[EACH])]
# where masked tokens are another embedding than that of their id
UNMASKED = [('grad*input', None, None), ('deeplift', 'zero', 0.),
            ('deeplift', TABLE[EACH] + 1, TABLE[EACH] + 1),
            ('intgrad', TABLE[3] + 1, np.tile(TABLE[3] + 1, (4, 1)))]


def networks(moved, dtype=tf.int32):
    """(T of ids, ids, T of an embedding, the embedding, mask, lengths)"""
    ids = v1.placeholder(dtype, (None, 4), 'ids')
    mask = v1.placeholder(tf.int32, (None, 4), 'mask')
    lengths = v1.placeholder(tf.int32, (None,), 'lengths')
    e = v1.placeholder(tf.float64, (None, 4, 3), 'embedded')
    of_ids, of_embedding = moved
    given = ids if dtype == tf.int32 else tf.cast(ids, tf.int32)
    return head(of_ids(given, mask, lengths)), ids, head(of_embedding(e, mask, lengths)), e, mask, lengths


@pytest.mark.parametrize('moved', MOVED)
def test_as_if_the_embeddings_were_moved(session, moved):
    T, ids, expected_T, embedded, mask, lengths = networks(MOVED[moved],
                                                           tf.float32 if 'flat' in moved else tf.int32)
    cases = EVERY + (UNMASKED if moved not in MASKED else []) + ([('saliency', None, None)] * (moved in ONCE))
    more = {'ys': [0, 1, 1, 0, 1], 'feed_dict': {mask: MASK, lengths: LENGTHS} if moved in FED else {}}
    with DeepExplain(session) as de:
        for name, baseline, there in cases:
            rows = {'average': False} if np.ndim(baseline) in (2, 3) else {}
            given, at = ({}, {}) if baseline is None else ({'baseline': baseline}, {'baseline': there})
            expected = de.explain(name, expected_T, embedded, TABLE[IDS], **more, **at, **rows)
            for size in None, 1, 3:
                found = de.explain(name, T, ids, IDS, batch_size=size, **more, **given, **rows)
                np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-10)
            found = de.explain(name, T, ids, IDS, sum_embedding=True, **more, **given, **rows)
            np.testing.assert_allclose(found, expected.sum(2), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize('moved', MOVED)
def test_words_are_switched_as_ids(session, moved):
    T, ids, _, _, mask, lengths = networks(MOVED[moved])
    more = {'ys': [0, 1, 1, 0, 1], 'feed_dict': {mask: MASK, lengths: LENGTHS} if moved in FED else {}}
    with DeepExplain(session) as de:
        def f(some):
            return de.value(T, ids, np.broadcast_to(some, IDS.shape), **more)
        for baseline in 0, EACH:
            drops = [f(IDS) - f(np.where(np.arange(4) == k, baseline, IDS)) for k in range(4)]
            found = de.explain('occlusion', T, ids, IDS, baseline=baseline, **more)
            np.testing.assert_allclose(found, np.stack(drops, 1), atol=1e-12)
            found = de.explain('shapley_sampling', T, ids, IDS, baseline=baseline, batch_size=3, **more)
            np.testing.assert_allclose(found.sum(1), f(IDS) - f(baseline), atol=1e-12)


REFUSED = {
    'bigrams': (lambda i, m: look((i[:, 1:] + i[:, :-1]) % 9), 'depends on several ids'),
    'sorted': (lambda i, m: look(tf.sort(i, 1)), 'depends on several ids'),
    'other rows': (lambda i, m: look(tf.reverse(i, [0])), 'depends on several ids, or on other rows'),
    'packed': (lambda i, m: tf.reshape(look(tf.boolean_mask(i, tf.ensure_shape(m, (None, 4)) > 0)),
                                       [-1, 2, 3]),
               'its first axis is not the batch'),
    'packed, a row each': (lambda i, m: look(tf.boolean_mask(i, tf.ensure_shape(m, (None, 4)) > 0))[:, None],
                           'its first axis is not the batch'),
    'time first': (lambda i, m: tf.transpose(look(tf.transpose(i)), [1, 0, 2]), 'not have the batch as its '
    'first'),
    'flat to the end': (lambda i, m: tf.reshape(tf.nn.relu(look(tf.reshape(i, [-1]))), [-1, 4, 3]),
                        'not have the batch as its first'),
    'unique': (lambda i, m: tf.reshape(tf.gather(look(tf.unique(tf.reshape(i, [-1]))[0]),
                                                 tf.unique(tf.reshape(i, [-1]))[1]), [-1, 4, 3]),
               'not only through embedding lookups, but also through'),
    'chosen by the ids': (lambda i, m: tf.gather(look(i), tf.argmax(i, 1), axis=1, batch_dims=1)[:, None],
                          'not only through embedding lookups, but also through'),
}


@pytest.mark.parametrize('moved', REFUSED)
def test_refused(session, moved):
    """Never an attribution that is not that of a word."""
    ids, mask = v1.placeholder(tf.int32, (None, 4), 'ids'), v1.placeholder(tf.int32, (None, 4), 'mask')
    make, message = REFUSED[moved]
    T = head(make(ids, mask))
    one_each = np.zeros((4, 4), int)
    one_each[[0, 0, 1, 3], [0, 1, 2, 3]] = 1            # as many tokens as rows, but not one each
    feeds = {mask: one_each} if 'packed' in moved else {}
    with DeepExplain(session) as de:
        for name in 'deeplift', 'occlusion', 'saliency':
            with pytest.raises(errors.DeepExplainError, match=message):
                de.explain(name, T, ids, IDS[:4], feed_dict=feeds)


def test_a_batch_that_the_graph_fixes(session):
    ids = v1.placeholder(tf.int32, (3, 4), 'ids')
    mask = v1.placeholder(tf.int32, (3, 4), 'mask')
    T = head(tf.reshape(look(tf.reshape(tf.where(mask > 0, ids, 0)[:, ::-1], [12])), [3, 4, 3]))
    more = {'ys': [0, 1, 1], 'feed_dict': {mask: MASK[:3]}}
    with DeepExplain(session) as de:
        f = lambda some: de.value(T, ids, np.broadcast_to(some, (3, 4)), **more)  # noqa: E731
        drops = [f(IDS[:3]) - f(np.where(np.arange(4) == k, EACH[:3], IDS[:3])) for k in range(4)]
        found = de.explain('occlusion', T, ids, IDS[:3], baseline=EACH[:3], **more)
        np.testing.assert_allclose(found, np.stack(drops, 1), atol=1e-12)
        found = de.explain('deeplift', T, ids, IDS[:3], baseline=5, sum_embedding=True, **more)
        np.testing.assert_allclose(found.sum(1), f(IDS[:3]) - f(5), atol=1e-9)


def test_ids_outside_the_vocabulary_are_named_where_the_model_looks_up_others(session):
    """A masked id may be anything; what is looked up is checked, with its place."""
    T, ids, _, _, mask, _ = networks(MOVED['masked'])
    wrong = IDS.copy()
    wrong[2, 1] = 70
    masked = np.ones_like(MASK)
    with DeepExplain(session) as de:
        for name in 'deeplift', 'occlusion':
            with pytest.raises(errors.ValueRangeError, match='read row 70 at row 2, position 1, but it '
                                                             'knows 9'):
                de.explain(name, T, ids, wrong, feed_dict={mask: masked})
            with pytest.raises(errors.ValueRangeError, match=r'baseline makes .* read row 70 at row 0, '
                                                             'position 0'):
                de.explain(name, T, ids, IDS, feed_dict={mask: masked}, baseline=70)
        masked[2, 1] = 0
        found = de.explain('deeplift', T, ids, wrong, feed_dict={mask: masked}, baseline=0)
        assert (found[2, 1] == 0).all() and found[2, 0].any()
        with pytest.raises(errors.FeedError, match='lookups of X "ids:0" need "mask:0"'):
            de.explain('deeplift', T, ids, IDS)
        with pytest.raises(errors.FeedError, match='lies between X and its embedding'):
            between = session.graph.get_tensor_by_name('SelectV2:0')
            de.explain('deeplift', T, ids, IDS, feed_dict={mask: masked, between: IDS})
