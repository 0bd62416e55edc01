"""rise: beside masks made by hand, all masks, and values of reference."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from skimage.transform import resize

from deepexplain2 import DeepExplain, errors, methods
from deepexplain2.features import Grid, Segments
from tests.support.black_box_reference import REFERENCE, reference
from tests.support.networks import cnn, mlp, opened, samples, v1

NET = cnn('tanh')
XS, YS = samples(NET, 3)


def mask_by_hand(k, row, cells, keep, order):
    """Mask k of Petsiuk et al.: a grid enlarged to one cell more than X, from a random place on."""
    rng = np.random.default_rng([4, k])
    grid = (rng.random(cells) < keep).astype(np.float32)
    sizes = [-(-s // c) for s, c in zip(row, cells)]
    wide = [1 if c == 1 else (c + 1) * size for c, size in zip(cells, sizes)]
    for axis, size in enumerate(wide):              # one axis after the other: the interpolation is separable
        shape = [*grid.shape]
        shape[axis] = size
        grid = grid if grid.shape[axis] == size else resize(grid, shape, order=order, mode='edge',
                                                            anti_aliasing=False)
    places = [slice(None) if c == 1 else slice(start := rng.integers(size), start + s)
              for c, size, s in zip(cells, sizes, row)]
    return np.broadcast_to(grid[tuple(places)], row)


@pytest.mark.parametrize('normalize', ['expectation', 'sum'])
@pytest.mark.parametrize('interpolation', ['linear', 'nearest'])
@pytest.mark.parametrize('cells', [3, (2, 4, 1), (6, 1, 2)])
def test_by_hand(cells, interpolation, normalize):
    whole = (3, 3, 1) if cells == 3 else cells
    masks = np.stack([mask_by_hand(k, (6, 6, 2), whole, .4, int(interpolation == 'linear'))
                      for k in range(30)])
    drawn = np.stack([NET.f(np.where(m == 1, XS, .3 + m * (XS - .3)), YS) for m in masks])     # (masks, rows)
    terms = drawn[:, :, None, None, None] * masks[:, None]
    with opened(NET) as (de, X, T, _):
        method = methods['rise'](samples=30, grid=cells, keep=.4, interpolation=interpolation, seed=4,
                                 normalize=normalize, baseline=.3)
        explainer = de.get_explainer(method, T, X)
        found, error = explainer.run(XS, YS, return_std_error=True)
        if normalize == 'expectation':
            want, spread = terms.mean(0) / .4, terms.std(0, ddof=1) / .4 / np.sqrt(30)
        else:
            want = terms.sum(0) / masks.sum(0)
            rests = terms - want * masks[:, None]
            spread = np.sqrt((rests ** 2).sum(0) * 30 / 29) / masks.sum(0)
        np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-6 * np.abs(want).max())
        np.testing.assert_allclose(error, spread, rtol=1e-4, atol=1e-6 * np.abs(want).max())
        for batch_size in 1, 4, 50:
            np.testing.assert_allclose(explainer.run(XS, YS, batch_size), found, rtol=1e-9, atol=1e-13)
        np.testing.assert_allclose(explainer.run(XS[1:2], YS[1:2]), found[1:2], rtol=1e-9, atol=1e-13)
        assert explainer.plan(3).evaluations == 90


@pytest.mark.parametrize('net', ['two_inputs', 'mlp_tabular'])
def test_all_masks_of_single_features(net, session):
    """Within 5 standard errors of the mean over all masks (10 seeds of up to 32 numbers: once in 5e3)."""
    X, t, xs, ys, baselines, _ = reference(net, session)
    with DeepExplain(session) as de:
        for name, baseline in ('zero', 0), ('baseline', baselines):
            want = np.concatenate([REFERENCE[f'{net}/own/rise/features/{name}/{k}']
                                   for k in range(len(xs))], 1)
            for seed in range(10):
                found, error = de.explain('rise', t, X, xs, ys, baseline=baseline, samples=500, seed=seed,
                                          return_std_error=True)
                gap = np.abs(np.concatenate(found, 1) - want)
                assert (gap <= 5 * np.concatenate(error, 1)).all()


def test_cells_of_a_grid_as_features(session):
    """Within 5 standard errors of the mean over all 16 masks of 2 x 2 cells with edges."""
    (X,), t, (xs,), ys, baselines, _ = reference('cnn_pool', session)
    with DeepExplain(session) as de:
        for name, baseline in ('zero', 0), ('baseline', baselines[0]):
            want = REFERENCE[f'cnn_pool/own/rise/grid2_nearest/{name}/0'][..., None]
            found, error = de.explain('rise', t, X, xs, ys, baseline=baseline, samples=800,
                                      features=Grid(2), return_std_error=True)
            assert (np.abs(found - want) <= 5 * error).all() and error.max() < .1 * np.abs(want).max()


@pytest.mark.parametrize('rank', [1, 2, 3, 4])
def test_any_number_of_axes(rank, session):
    """What T does not take is what T is on average everywhere, what it does take stands out."""
    shape = (6, 5, 4, 3)[:rank]
    x = v1.placeholder(tf.float64, (None, *shape))
    t = x[(slice(None), *(1,) * rank)]
    with DeepExplain(session) as de:
        found = de.explain('rise', t, x, np.ones((2, *shape)), samples=300, grid=(2,) * rank)
        assert found.shape == (2, *shape)
        top = np.unravel_index(found[0].argmax(), shape)
        assert all(abs(a - 1) <= -(-s // 2) for a, s in zip(top, shape))
        np.testing.assert_array_equal(found[0], found[1])


def test_tolerance_and_a_fixed_batch(session):
    x = v1.placeholder(tf.float64, (2, 4))
    t = tf.reduce_sum(tf.sigmoid(x) * [1, 2, 3, 4], 1)
    with DeepExplain(session) as de:
        xs = np.random.default_rng(0).normal(size=(4, 4))
        found, error = de.explain('rise', t, x, xs, samples=10, tolerance=.02, return_std_error=True)
        assert error.max() <= .02 * np.abs(found).max()
        values = {m: np.asarray([1, 2, 3, 4]) / (1 + np.exp(-np.where(m, xs, 0)))
                  for m in itertools.product((False, True), repeat=4)}
        want = sum(v.sum(1)[:, None] * np.array(m) for m, v in values.items()) / 8
        assert (np.abs(found - want) <= 5 * error).all()


def test_token_ids_and_what_is_refused(session):
    ids = v1.placeholder(tf.int32, (None, 4), 'ids')
    table = np.random.default_rng(0).normal(size=(9, 3))
    t = tf.reduce_sum(tf.tanh(tf.nn.embedding_lookup(table, ids)), [1, 2])
    with DeepExplain(session) as de:
        tokens = np.array([[1, 2, 3, 4], [5, 6, 7, 8]])
        found, error = de.explain('rise', t, ids, tokens, samples=200, return_std_error=True)
        of_word = np.tanh(table[tokens]).sum(2)
        assert (np.abs(found - (of_word + of_word.sum(1, keepdims=True)) / 2) <= 5 * error).all()
        groups = Segments([0, 0, 1, 1])
        found = de.explanation('occlusion', t, ids, tokens, features=groups)
        np.testing.assert_allclose(found.values, np.repeat(of_word.reshape(2, 2, 2).sum(2), 2, 1))
        np.testing.assert_allclose(found.by_feature, of_word.reshape(2, 2, 2).sum(2))
    with opened(mlp('tanh', sizes=(5, 4, 3))) as (de, X, T, _):
        for parameters, message in [({'grid': 6}, None),
                                    ({'grid': (2, 2)}, r'grid \(2, 2\) does not fit a row'),
                                    ({'keep': 1}, 'keep must be a number > 0 and < 1'),
                                    ({'grid': 2, 'features': Grid(2)}, 'grid and features are given')]:
            if message is None:
                assert de.explain('rise', T, X, np.ones((2, 5)), 0, samples=3, **parameters).shape == (2, 5)
                continue
            with pytest.raises(errors.ParameterError, match=message):
                de.explain('rise', T, X, np.ones((2, 5)), 0, **parameters)
