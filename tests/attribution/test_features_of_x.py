"""features=: what is switched together, beside enumeration by hand."""

import numpy as np
import pandas
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors, methods
from deepexplain2.explanation import Explanation
from deepexplain2.features import Axes, Columns, Grid, Segments, Windows, superpixels
from tests.support.coalitions import shapley
from tests.support.networks import cnn, mlp, opened, samples, v1

RNG = np.random.default_rng(0)
IMAGE, TABLE = cnn('tanh'), mlp('tanh', sizes=(6, 7, 3))


def masks_of(labels):
    return np.stack([labels == k for k in np.unique(labels) if k >= 0])


LABELS = RNG.integers(0, 4, (6, 6))
LABELS.flat[:4] = range(4)
PER_ROW = RNG.integers(-1, 3, (3, 6, 6, 2))
PER_ROW[:, :3, 0, 0] = range(3)


def halves(xs):
    """Labels by the size of entries, another partition for each image."""
    return (xs > np.median(xs, (1, 2, 3), keepdims=True)).astype(int)


OF_IMAGES = {
    'a map without channels': (Segments(LABELS), lambda x, k: masks_of(LABELS[..., None])),
    'a map for each row': (Segments(PER_ROW), lambda x, k: masks_of(PER_ROW[k])),
    'a function': (Segments(halves), lambda x, k: masks_of(halves(x[None])[0])),
    'a grid': (Grid(2), lambda x, k: masks_of((np.arange(6) // 3 * 2)[:, None, None]
                                              + (np.arange(6) // 3)[:, None] + np.zeros((6, 6, 2), int))),
    'cells of one size': (Grid(size=4), lambda x, k: masks_of(
        (np.arange(6) // 4 * 2)[:, None, None] + (np.arange(6) // 4)[:, None] + np.zeros((6, 6, 2), int))),
    'an axis': (Axes([1]), lambda x, k: masks_of(np.arange(6)[:, None, None] + np.zeros((6, 6, 2), int))),
}


@pytest.mark.parametrize('case', OF_IMAGES)
def test_beside_enumeration(case):
    """Within 5 standard errors of 200 pairs of permutations (one in 2e6 is further off); the value of a
    feature at each of its entries."""
    features, members = OF_IMAGES[case]
    xs, ys = samples(IMAGE, 3)
    with opened(IMAGE) as (de, X, T, _):
        ablation = de.get_explainer('occlusion', T, X, features=features, baseline=.1)
        sampling = de.get_explainer('shapley_sampling', T, X, samples=400, features=features, baseline=.1)
        drops = ablation.explanation(xs, ys)
        found = sampling.explanation(xs, ys, return_std_error=True)
        for k in range(3):
            def f(x, k=k):
                return float(IMAGE.f(x[None], ys[k:k + 1])[0])
            of_row = np.stack([np.broadcast_to(m, xs[k].shape) for m in members(xs[k], k)])
            m = len(of_row)
            np.testing.assert_allclose(drops.by_feature[k, :m], [
                f(xs[k]) - f(np.where(mask, .1, xs[k])) for mask in of_row], rtol=1e-9, atol=1e-14)
            error = np.array([found.std_error[k][mask][0] for mask in of_row])
            gap = found.by_feature[k, :m] - shapley(f, xs[k], .1, of_row)
            assert (np.abs(gap) <= 5 * error + 1e-12).all()
            assert not found.by_feature[k, m:].any()
            for explanation in drops, found:
                for mask, value in zip(of_row, explanation.by_feature[k]):
                    np.testing.assert_array_equal(explanation.values[k][mask], value)
                assert np.isnan(explanation.values[k][~of_row.any(0)]).all()
        if case != 'a map for each row':                # where some entries are always those of x
            np.testing.assert_allclose(found.sums, found.fx - found.f_baseline, rtol=1e-9)
            np.testing.assert_allclose(found.delta, 0, atol=1e-12)
        for explainer, explanation in (ablation, drops), (sampling, found):
            for batch_size in 1, 2, None:
                np.testing.assert_allclose(explainer.run(xs, ys, batch_size), explanation.values, rtol=1e-9,
                                           atol=1e-14)


def test_more_than_permutations_of_entries():
    """Single entries and windows are those of the parameters that are older."""
    xs, ys = samples(IMAGE, 2)
    with opened(IMAGE) as (de, X, T, _):
        pairs = [('shapley_sampling', {}, {'features': Axes()}),
                 ('shapley_sampling', {'sampling_dims': [1, 2, 3]}, {'features': Axes([1, 2, 3])}),
                 ('occlusion', {}, {'features': Axes()}),
                 ('occlusion', {'window_shape': 2, 'step': 2}, {'features': Windows(2, 2)})]
        for name, old, new in pairs:
            a, b = (de.explain(name, T, X, xs, ys, baseline=.2, **p) for p in (old, new))
            size = 2 * 2 * 2 if 'window_shape' in old else 1            # entries share the drop of a window
            np.testing.assert_allclose(b, a * size, rtol=1e-9, atol=1e-13)


def test_a_feature_over_several_inputs(session):
    x, y = (v1.placeholder(tf.float64, (None, n)) for n in (3, 2))
    w = RNG.normal(size=(5, 4))
    t = tf.reduce_sum(tf.tanh(tf.concat([x, y], 1) @ w), 1)
    a, b = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 2))
    features = Segments([np.array([7, 7, 2]), np.array([2, -1])])

    def f(rows):
        return np.tanh(rows @ w).sum(1)
    xs = np.concatenate([a, b], 1)
    want = np.stack([f(xs) - f(xs * ~np.isin([7, 7, 2, 2, -1], label)) for label in (2, 7)], 1)
    with DeepExplain(session) as de:
        found = de.explanation('occlusion', t, [x, y], [a, b], features=features)
        np.testing.assert_allclose(found.by_feature, want, rtol=1e-12)
        np.testing.assert_array_equal(found.values[0], found.by_feature[:, [1, 1, 0]])
        nothing = np.full(4, np.nan)
        np.testing.assert_array_equal(found.values[1], np.stack([found.by_feature[:, 0], nothing], 1))
        pieces = [np.zeros_like(a), np.zeros_like(b)]
        de.explain('occlusion', t, [x, y], [a, b], features=features, out=pieces, batch_size=2)
        np.testing.assert_array_equal(pieces[0], found.values[0])
        with pytest.raises(errors.ParameterError, match='labels holds 1 arrays, and X has 2 tensors'):
            de.explain('occlusion', t, [x, y], [a, b], features=Segments([0, 0, 1]))


def test_columns_of_a_table(tmp_path):
    xs, ys = samples(TABLE, 5)
    frame = pandas.DataFrame(xs, columns=list('abcdef'))
    features = Columns({'left': ['b', 'a'], 'right': ['f']})
    with opened(TABLE) as (de, X, T, _):
        found = de.explanation('occlusion', T, X, frame, ys, features=features)
        for k, group in enumerate([[0, 1], [5], [2], [3], [4]]):
            without = xs.copy()
            without[:, group] = 0
            np.testing.assert_allclose(found.by_feature[:, k], TABLE.f(xs, ys) - TABLE.f(without, ys),
                                       rtol=1e-9)
        assert list(found.by_feature_names) == ['left', 'right', 'c', 'd', 'e']
        found.save(tmp_path / 'e.npz')
        again = Explanation.load(tmp_path / 'e.npz')
        np.testing.assert_array_equal(again.by_feature, found.by_feature)
        assert list(again.by_feature_names) == list(found.by_feature_names)
        np.testing.assert_array_equal(again[1:3].by_feature, found.by_feature[1:3])
        numbers = de.explain('occlusion', T, X, xs, ys, features=Columns([[1, 0], [5]]))
        np.testing.assert_array_equal(numbers, found.values)
        with pytest.raises(errors.ParameterError, match="a column 'z' that X does not have"):
            de.explain('occlusion', T, X, frame, ys, features=Columns([['z']]))


def test_several_references_and_classes():
    """The mean over references, by feature; a stream; classes."""
    xs, ys = samples(IMAGE, 4)
    references = RNG.normal(size=(3, *xs.shape[1:]))
    maps = RNG.integers(0, 3, xs.shape)
    with opened(IMAGE) as (de, X, T, _):
        explainer = de.get_explainer('occlusion', T, X, features=Segments(maps), references=references)
        found = explainer.run(xs, ys)
        single = [de.explain('occlusion', T, X, xs, ys, features=Segments(maps), baseline=r)
                  for r in references]
        np.testing.assert_allclose(found, np.mean(single, 0), rtol=1e-9, atol=1e-14)
        of_classes = explainer.run(xs, classes='all')
        np.testing.assert_allclose(of_classes[1], explainer.run(xs, 1), rtol=1e-9, atol=1e-14)
        parts = explainer.run(xs, ys, 1, out=np.zeros(xs.shape))
        np.testing.assert_allclose(parts, found, rtol=1e-9, atol=1e-14)
        for n in 3, 1:
            with pytest.raises(errors.ShapeError, match=f'labels have 4 rows, and xs {n}'):
                explainer.run(xs[:n], ys[:n])


@pytest.mark.parametrize('kind', ['slic', 'quickshift', 'felzenszwalb'])
@pytest.mark.parametrize('channels', [None, 1, 3])
def test_superpixels(kind, channels):
    """Connected labels that begin with 0, every pixel with all its channels in one."""
    images = RNG.uniform(-3, 5, (2, 12, 10) if channels is None else (2, 12, 10, channels))
    labels = superpixels(kind).labels(images)
    assert labels.shape == (2, 12, 10) and labels.min() == 0
    assert superpixels(kind) == superpixels(kind) != superpixels(kind, sigma=1)
    x = RNG.uniform(size=(2, 8, 8, 3))
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float64, (None, 8, 8, 3))
        t = tf.reduce_sum(tf.sin(3 * X), (1, 2, 3))
        found = de.explain('occlusion', t, X, x, features=superpixels(kind))
        for row, of_row in zip(found, superpixels(kind).labels(x)):
            for label in np.unique(of_row):
                assert len(np.unique(row[of_row == label])) == 1
    with pytest.raises(errors.ParameterError, match='skimage.segmentation.' + kind):
        superpixels(kind, nothing=3).labels(images)


BAD = [
    (lambda: methods['occlusion'](features='grid'), 'must be Axes, Windows, Grid'),
    (lambda: methods['occlusion'](features=Grid(2), window_shape=2), 'features and a window'),
    (lambda: methods['shapley_sampling'](features=Grid(2), sampling_dims=[1]), 'sampling_dims and features'),
    (lambda: Grid(), 'has cells, .* or a size'), (lambda: Grid(2, 3), 'Give one of them'),
    (lambda: Grid(0), 'cells must be an integer >= 1'), (lambda: Segments([.5, 1.]), 'must hold integers'),
    (lambda: Segments('a'), 'must hold integers'), (lambda: Columns(3), 'must be a dict of lists'),
    (lambda: Columns([['a'], ['a', 'b']]), "column 'a' is in two groups"),
    (lambda: superpixels('voronoi'), "must be one of 'slic'"),
]


@pytest.mark.parametrize('make, message', BAD)
def test_what_cannot_be(make, message):
    with pytest.raises(errors.ParameterError, match=message):
        make()


@pytest.mark.parametrize('features, message', [
    (Segments(np.zeros((5, 6), int)), r'labels have shape \(5, 6\), but a row of X has shape \(6, 6, 2\)'),
    (Grid((2, 2)), r'a grid of \(2, 2\) cells does not fit a row of shape'),
    (Grid(size=(2, 2)), r'cells of size \(2, 2\) do not fit'), (Axes([4]), r'axes \[4\] names an axis'),
    (Columns([[0]]), 'Columns are those of one table'), (Windows(3, (1, 1)), 'step has 2 entries'),
    (Segments(lambda xs: np.zeros((2, 2), int)), 'labels have shape'),
    (Segments(lambda xs: xs), 'must hold integers'),
    (Segments(lambda xs: np.full(xs.shape, 72)), 'a label 72, and a row of X has 72 entries')])
def test_what_does_not_fit(features, message):
    xs, ys = samples(IMAGE, 2)
    with opened(IMAGE) as (de, X, T, _):
        before = len(X.graph.get_operations())
        with pytest.raises((errors.ParameterError, errors.ShapeError), match=message):
            de.explain('occlusion', T, X, xs, ys, features=features)
        assert len(X.graph.get_operations()) == before


def test_methods_around_a_method_with_features():
    """Noise leaves labels in an array as they are, and is refused where they are made of xs; xrai takes the
    values of the entries."""
    xs, ys = samples(IMAGE, 2)
    labels = np.arange(6)[:, None] // 3 + np.zeros((6, 6), int)
    with opened(IMAGE) as (de, X, T, _):
        of = methods['occlusion'](features=Segments(labels))
        found = de.explanation('smoothgrad', T, X, xs, ys, of=of, samples=4, seed=1)
        noisy = [xs + .15 * np.ptp(xs, (1, 2, 3), keepdims=True)
                 * np.random.default_rng([1, k]).normal(size=xs.shape[1:]) for k in range(4)]
        want = np.mean([de.explanation(of, T, X, x, ys).by_feature for x in noisy], 0)
        np.testing.assert_allclose(found.by_feature, want, rtol=1e-6)
        np.testing.assert_array_equal(found.values[:, 0, 0, 0], found.by_feature[:, 0])
        with pytest.raises(errors.ParameterError, match='"smoothgrad" changes xs for "occlusion"'):
            de.explain('smoothgrad', T, X, xs, ys, of=methods['occlusion'](features=superpixels('slic')))
        regions = de.explanation('xrai', T, X, xs, ys, of=methods['occlusion'](features=superpixels('slic')))
        assert regions.values.shape == xs.shape and regions.by_feature is None


def test_functions_that_mix_rows():
    xs, ys = samples(IMAGE, 3)
    with opened(IMAGE) as (de, X, T, _):
        with pytest.raises(errors.ParameterError, match='changes with the other rows of xs'):
            de.explain('occlusion', T, X, xs, ys, features=Segments(lambda x: (x > x.mean()).astype(int)))
        same = de.explain('occlusion', T, X, xs, ys, features=Segments(lambda x: LABELS))
        np.testing.assert_array_equal(same, de.explain('occlusion', T, X, xs, ys, features=Segments(LABELS)))


def test_superpixels_of_several_inputs(session):
    """Have numbers of their own, the same whatever the other rows are."""
    a, b = RNG.uniform(size=(3, 8, 8, 3)), RNG.uniform(size=(3, 8, 9))
    x, y = (v1.placeholder(tf.float64, (None, *v.shape[1:])) for v in (a, b))
    t = tf.reduce_sum(tf.sin(x), (1, 2, 3)) + tf.reduce_sum(tf.cos(y), (1, 2))
    labels = superpixels('slic', n_segments=5).labels([a, b])
    assert not set(np.unique(labels[0])) & set(np.unique(labels[1]))
    with DeepExplain(session) as de:
        found = de.explanation('occlusion', t, [x, y], [a, b], features=superpixels('slic', n_segments=5))
        for k in range(3):
            alone = de.explanation('occlusion', t, [x, y], [a[k:k + 1], b[k:k + 1]],
                                   features=superpixels('slic', n_segments=5))
            some = alone.by_feature.shape[1]
            np.testing.assert_allclose(found.by_feature[k, :some], alone.by_feature[0], rtol=1e-9, atol=1e-12)
