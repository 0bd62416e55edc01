"""Methods that perturb X switch whole words: the drops are those of ids replaced at the level of the ids."""

from math import factorial

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from tests.support.networks import v1

RNG = np.random.default_rng(3)
TABLE, WIDE, W = RNG.normal(size=(9, 3)), RNG.normal(size=9), RNG.normal(size=(12, 2))
IDS, YS = RNG.integers(1, 9, (5, 4)), np.array([0, 1, 1, 0, 1])
ROW, EACH = np.array([2, 0, 8, 3]), RNG.integers(0, 9, (5, 4))


def f(ids, ys=YS):
    """Two tables, one of them without an axis of the embedding."""
    both = np.tanh(TABLE[ids].reshape(-1, 12) @ W) + np.tanh(WIDE[ids].sum(1) - .3)[:, None] * [1., -2.]
    return both[np.arange(len(ids)), ys]


def graph(ids):
    wide = tf.tanh(tf.reduce_sum(tf.gather(WIDE, ids), 1) - .3)
    return tf.tanh(tf.reshape(tf.gather(TABLE, ids), (-1, 12)) @ W) + wide[:, None] * np.array([1., -2.])


@pytest.fixture
def net(session):
    ids = v1.placeholder(tf.int32, (None, 4), 'ids')
    with DeepExplain(session) as de:
        yield de, graph(ids), ids


def replaced(ids, at, baseline):
    return np.where(np.isin(np.arange(4), at), np.broadcast_to(baseline, ids.shape), ids)


def shapley(ids, baseline):
    """By the definition, over all coalitions."""
    found = np.zeros(ids.shape)
    for subset in range(16):
        present = [k for k in range(4) if subset >> k & 1]
        for k in set(range(4)) - set(present):
            weight = factorial(len(present)) * factorial(3 - len(present)) / factorial(4)
            absent = [j for j in range(4) if j not in present]
            with_k = [j for j in absent if j != k]
            found[:, k] += weight * (f(replaced(ids, with_k, baseline)) - f(replaced(ids, absent, baseline)))
    return found


@pytest.mark.parametrize('baseline', [0, ROW, EACH], ids=['one id', 'of a row', 'of every row'])
def test_drops_and_shapley_values_are_those_of_the_ids(net, baseline):
    de, T, ids = net
    for batch_size in None, 1, 3:
        drops = de.explain('occlusion', T, ids, IDS, ys=YS, baseline=baseline, batch_size=batch_size)
        expected = np.stack([f(IDS) - f(replaced(IDS, [k], baseline)) for k in range(4)], 1)
        np.testing.assert_allclose(drops, expected, atol=1e-12)
    values, delta = de.explain('shapley_sampling', T, ids, IDS, ys=YS, baseline=baseline, samples=2000,
                               return_delta=True)
    exact = shapley(IDS, baseline)
    np.testing.assert_allclose(values, exact, atol=.06 * np.abs(exact).max())      # 2000 draws of 24 orders
    np.testing.assert_allclose(values.sum(1), f(IDS) - f(replaced(IDS, range(4), baseline)), atol=1e-12)
    np.testing.assert_allclose(delta, 0, atol=1e-12)


def test_windows_of_several_words(net):
    de, T, ids = net
    for given in 2, [2]:
        found = de.explain('occlusion', T, ids, IDS, ys=YS, baseline=0, window_shape=given)
        drops = [(f(IDS) - f(replaced(IDS, [k, k + 1], 0))) / 2 for k in range(3)]
        np.testing.assert_allclose(found, np.stack([drops[0], (drops[0] + drops[1]) / 2,
                                                    (drops[1] + drops[2]) / 2, drops[2]], 1), atol=1e-12)
    found = de.explain('occlusion', T, ids, IDS, ys=YS, baseline=0, window_shape=2, step=2)
    np.testing.assert_allclose(found[:, ::2].sum(1) * 2, (drops[0] + drops[2]) * 2, atol=1e-12)
    with pytest.warns(errors.CoverageWarning, match='1 of 4 features'):
        found = de.explain('occlusion', T, ids, IDS, baseline=0, window_shape=3, step=2)
    assert np.isnan(found[:, 3]).all() and not np.isnan(found[:, :3]).any()
    for wrong in [5], [2, 3], [1, 1, 1]:
        with pytest.raises(errors.ParameterError, match='window_shape'):
            de.explain('occlusion', T, ids, IDS, baseline=0, window_shape=wrong)
    np.testing.assert_allclose(de.explain('shapley_sampling', T, ids, IDS, baseline=0, sampling_dims=[1]),
                               de.explain('shapley_sampling', T, ids, IDS, baseline=0))


def test_entries_of_the_embedding_where_the_parameters_are_about_its_axes(session):
    ids = v1.placeholder(tf.int32, (None, 4), 'ids')
    embedded = tf.gather(TABLE, ids)
    T = tf.tanh(tf.reshape(embedded, (-1, 12)) @ W)
    with DeepExplain(session) as de:
        for name, given in [('occlusion', {'window_shape': (1, 2)}),
                            ('shapley_sampling', {'sampling_dims': [1, 2]}),
                            ('shapley_sampling', {'sampling_dims': [2]})]:
            np.testing.assert_allclose(de.explain(name, T, ids, IDS, **given),
                                       de.explain(name, T, embedded, TABLE[IDS], **given))
        _, errors_of_words = de.explain('shapley_sampling', T, ids, IDS, samples=20, return_std_error=True,
                                        sum_embedding=True)
        assert errors_of_words.shape == (5, 4) and (errors_of_words > 0).any()


@pytest.mark.parametrize('name', ['occlusion', 'shapley_sampling'])
def test_words_that_are_those_of_the_baseline_cost_nothing(net, name):
    de, T, ids = net
    some = IDS.copy()
    some[:, 1:3] = 0
    calls = []
    found = de.explain(name, T, ids, some, baseline=0, batch_size=1, progress=calls.append)
    assert (found[:, 1:3] == 0).all() and found.shape == (5, 4)
    assert calls[-1].done <= 5 * 4              # at most 2 words, x and the baseline in every row


def test_masks_stay_those_of_the_ids(session):
    """What the model compares ids with keeps its value at xs: a word that is switched off stays unmasked, and
    its embedding is that of the baseline; so for T at the baseline."""
    ids = v1.placeholder(tf.int32, (None, 4), 'ids')
    lengths = tf.reduce_sum(tf.cast(tf.not_equal(ids, 0), tf.int32), 1)
    mask = tf.cast(tf.not_equal(ids, 0), tf.float64)[..., None]
    # as RoBERTa numbers them
    positions = tf.gather(WIDE, tf.cumsum(tf.cast(tf.not_equal(ids, 0), tf.int32), 1))
    h = tf.gather(TABLE, ids) * mask + positions[..., None]
    T = tf.tanh(tf.reshape(h, (-1, 12)) @ W) / tf.cast(lengths, tf.float64)[:, None]
    some = IDS.copy()
    some[:, 3] = some[0, 2] = 0

    def at(words):
        m = some != 0
        h = TABLE[words] * m[..., None] + WIDE[np.cumsum(m, 1)][..., None]
        return np.tanh(h.reshape(-1, 12) @ W)[np.arange(5), YS] / m.sum(1)
    drops = np.stack([at(some) - at(replaced(some, [k], 0)) for k in range(4)], 1)
    with DeepExplain(session) as de:
        found = de.explain('occlusion', T, ids, some, ys=YS, baseline=0)
        np.testing.assert_allclose(found, drops, atol=1e-12)
        for name in 'shapley_sampling', 'deeplift', 'intgrad':
            found = de.explain(name, T, ids, some, ys=YS, baseline=0, sum_embedding=True)
            np.testing.assert_allclose(found.sum(1), at(some) - at(0 * some), atol=1e-9)
            with pytest.raises(errors.ParameterError, match="masks='follow': the model makes masks of the "
                                                            "ids"):
                de.explain(name, T, ids, some, ys=YS, baseline=0, masks='follow')
        made = de.explanation('occlusion', T, ids, some, ys=YS, baseline=0)
        np.testing.assert_allclose(made.f_baseline, at(0 * some))
