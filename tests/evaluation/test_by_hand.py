"""Metrics beside loops over their definitions, and known answers."""

import numpy as np
import pytest
import tensorflow as tf
from skimage.metrics import structural_similarity

from deepexplain2 import DeepExplain, errors, methods, metrics
from deepexplain2.evaluation import stability
from deepexplain2.features import Axes, Grid, Segments
from deepexplain2.targets import Probability
from tests.support.networks import cnn, mlp, opened, samples, v1

RNG = np.random.default_rng(0)
NET = mlp('tanh', 'relu', sizes=(6, 5, 3))
XS, YS = samples(NET, 4)
MAPS = RNG.normal(size=XS.shape)
B = RNG.normal(size=6)
close = np.testing.assert_allclose


def f(x):
    return NET.f(x, YS)


@pytest.fixture(scope='module')
def linear():
    """(de, X, T, w): T = x w."""
    w = np.array([3., -1., 0., 2.])
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float64, (None, 4))
        yield de, X, tf.linalg.matvec(X, w), w


@pytest.mark.parametrize('steps', [-1, 2, 4, 50])
@pytest.mark.parametrize('metric', ['deletion', 'insertion'])
def test_curves(metric, steps):
    counts = list(range(7)) if steps in (-1, 50) else [0, 3, 6] if steps == 2 else [0, 2, 3, 4, 6]
    with opened(NET) as (de, X, T, _):
        found = de.evaluate(metric, T, X, XS, MAPS, YS, steps=steps, baseline=B)
        order = np.argsort(-MAPS, 1)
        for k, count in enumerate(counts):
            first = np.zeros(XS.shape, bool)
            np.put_along_axis(first, order[:, :count], True, 1)
            close(found.curve.y[:, k], f(np.where(first == (metric == 'insertion'), XS, B)), rtol=1e-9)
        x = np.array(counts) / 6
        close(found.curve.x, x)
        y = found.curve.y
        close(found.values, ((y[:, 1:] + y[:, :-1]) / 2 * np.diff(x)).sum(1), rtol=1e-12)


def test_the_exact_order_is_best(linear):
    de, X, T, w = linear
    xs = np.abs(RNG.normal(size=(3, 4)))
    best = [de.evaluate(m, T, X, xs, xs * w, steps=-1).values for m in ('deletion', 'insertion')]
    for _ in range(20):
        other = RNG.normal(size=xs.shape)
        assert (best[0] <= de.evaluate('deletion', T, X, xs, other, steps=-1).values + 1e-12).all()
        assert (best[1] >= de.evaluate('insertion', T, X, xs, other, steps=-1).values - 1e-12).all()


def test_ties_and_features():
    """Of equal ones the first goes first; features go by the sum of theirs, or by what a method says."""
    with opened(NET) as (de, X, T, _):
        found = de.evaluate('deletion', T, X, XS, np.ones_like(XS), YS, steps=-1)
        for k in range(7):
            close(found.curve.y[:, k], f(np.where(np.arange(6) < k, 0, XS)), rtol=1e-9)
        labels = np.array([0, 0, 0, 1, 1, 2])
        found = de.evaluate('deletion', T, X, XS, MAPS, YS, steps=-1, features=Segments(labels))
        totals = np.stack([MAPS[:, labels == k].sum(1) for k in range(3)], 1)
        order = np.argsort(-totals, 1)
        for k in range(4):
            gone = np.array([np.isin(labels, row[:k]) for row in order])
            close(found.curve.y[:, k], f(np.where(gone, 0, XS)), rtol=1e-9)
        # by feature: the value of a feature is not multiplied by its size
        by = de.explanation('shapley', T, X, XS, YS, features=Segments(labels))
        order = np.argsort(-by.by_feature, 1)
        found = de.evaluate('deletion', T, X, XS, by, YS, steps=-1, features=Segments(labels))
        gone = np.array([np.isin(labels, row[:1]) for row in order])
        close(found.curve.y[:, 1], f(np.where(gone, 0, XS)), rtol=1e-9)
        close(de.evaluate('completeness', T, X, XS, by, YS).values, 0, atol=1e-12)


def test_values_of_features_are_not_summed(linear):
    """A feature of three entries with .3 goes behind one of a single entry with .4."""
    de, X, T, _ = linear
    xs = np.array([[.1, 0, .2, .2]])
    labels = Segments(np.array([0, 0, 0, 1]))
    by = de.explanation('shapley', T, X, xs, features=labels)
    close(by.by_feature, [[.3, .4]])
    close(de.evaluate('deletion', T, X, xs, by, features=labels, steps=-1).curve.y, [[.7, .3, 0]], atol=1e-12)


def test_explained_parts():
    """The least positive attribution of a row is 0, the largest 1."""
    ys, maps = np.array([0, 1, 2, 0]), np.abs(MAPS) + .5
    shares = (maps - maps.min(1, keepdims=True)) / np.ptp(maps, 1)[:, None]
    with opened(NET) as (de, X, T, _):
        chance = Probability(outputs=T)
        before, after = (de.value(chance, X, x, ys) for x in (XS, B + shares * (XS - B)))
        want = {'average_drop': np.maximum(before - after, 0) / before,
                'average_gain': np.maximum(after - before, 0) / (1 - before),
                'increase_in_confidence': after > before}
        for name, values in want.items():
            close(de.evaluate(name, chance, X, XS, maps, ys, baseline=B).values, values, rtol=1e-7)


def test_channels_go_together():
    net = cnn('tanh')
    xs, ys = samples(net, 2)
    maps = RNG.normal(size=xs.shape)
    with opened(net) as (de, X, T, _):
        found = de.evaluate('deletion', T, X, xs, maps, ys, steps=-1)
        assert found.curve.y.shape == (2, 37)
        first = maps.sum(-1).reshape(2, -1).argmax(1)
        z = xs.reshape(2, 36, 2).copy()
        z[[0, 1], first] = 0
        close(found.curve.y[:, 1], net.f(z.reshape(xs.shape), ys), rtol=1e-9)
        coarse = de.evaluate('insertion', T, X, xs, maps, ys, features=Grid(2))
        assert coarse.curve.y.shape == (2, 5)


def test_completeness():
    """That of the method, with its baseline or baselines, to what it promises."""
    references = RNG.normal(size=(3, 6))
    with opened(NET) as (de, X, T, _):
        for method in (methods['deeplift'](baseline=B), methods['deeplift'](references=references),
                       methods['shapley'](baseline=B), methods['deeplift']()):
            close(de.evaluate('completeness', T, X, XS, method, YS).values, 0, atol=1e-12)
        elrp = de.explanation('elrp', T, X, XS, YS)
        close(de.evaluate('completeness', T, X, XS, 'elrp', YS).values, np.abs(f(XS) - elrp.sums), rtol=1e-6)
        close(de.evaluate('completeness', T, X, XS, elrp, YS).values, np.abs(elrp.delta))
        zero = np.zeros_like(XS)
        close(de.evaluate('completeness', T, X, XS, elrp.values, YS).values,
              np.abs(f(XS) - f(zero) - elrp.sums), rtol=1e-9)
        close(de.evaluate('completeness', T, X, XS, elrp.values, YS, to='value').values, np.abs(elrp.delta),
              rtol=1e-9, atol=1e-12)
        close(de.evaluate('completeness', T, X, XS, MAPS, YS, baseline=B).values,
              np.abs(f(XS) - f(B + zero) - MAPS.sum(1)), rtol=1e-9)


def test_sensitivity_n(linear):
    de, X, T, w = linear
    xs = RNG.normal(size=(3, 4))
    found = de.evaluate('sensitivity_n', T, X, xs, xs * w, sizes=[1, 2, 3], samples=30)
    close(found.values, 1, rtol=1e-9)
    with opened(NET) as (de, X, T, _):
        found = de.evaluate('sensitivity_n', T, X, XS, MAPS, YS, sizes=[2, 4], samples=20, baseline=B, seed=3)
        for k, size in enumerate((2, 4)):
            absent = np.array([np.isin(np.arange(6), np.random.default_rng([3 + 1000 * k, j]).permutation(6)[
                :size]) for j in range(20)])
            lost = np.stack([f(XS) - f(np.where(s, B, XS)) for s in absent], 1)
            sums = MAPS @ absent.T
            for row in range(4):
                close(found.curve.y[row, k], np.corrcoef(sums[row], lost[row])[0, 1], rtol=1e-7)
        close(found.values, found.curve.y.mean(1))
        with pytest.raises(errors.ParameterError, match='sizes holds 6, and there are 6 features'):
            de.evaluate('sensitivity_n', T, X, XS, MAPS, YS, sizes=[6])


def test_correlations_have_errors():
    """Of 300 draws of 60 subsets the spread of the correlations is what is told, to a fifth."""
    with opened(NET) as (de, X, T, _):
        for metric in 'faithfulness_correlation', 'mu_fidelity':
            a = de.explain('grad*input', T, X, XS, YS) + .3 * MAPS
            runs = [de.evaluate(metric, T, X, XS, a, YS, samples=60, size=.5, seed=1000 * s)
                    for s in range(60)]
            made = np.std([r.values for r in runs], 0, ddof=1)
            told = np.mean([r.errors for r in runs], 0)
            # 20 subsets of 3 of 6 are there, so that draws repeat: told is too much rather than too little
            assert (told > .5 * made).all() and (told < 4 * made).all()


def test_infidelity(linear):
    de, X, T, w = linear
    xs = RNG.normal(size=(3, 4))
    close(de.evaluate('infidelity', T, X, xs, 'gradient').values, 0, atol=1e-20)
    close(de.evaluate('infidelity', T, X, xs, 'grad*input', shares=True).values, 0, atol=1e-20)
    assert (de.evaluate('infidelity', T, X, xs, 'grad*input').values > 1e-4).all()
    close(de.evaluate('infidelity', T, X, xs, 5 * np.broadcast_to(w, xs.shape), normalize=True).values, 0,
          atol=1e-20)
    with opened(NET) as (de, X, T, _):
        found = de.evaluate('infidelity', T, X, XS, MAPS, YS, samples=7, noise=.3, seed=2)
        moves = [np.random.default_rng([2, 0, k]).standard_normal(6) * .3 * np.ptp(XS, 1)[:, None]
                 for k in range(7)]
        terms = np.stack([((m * MAPS).sum(1) - (f(XS) - f(XS - m))) ** 2 for m in moves], 1)
        close(found.values, terms.mean(1), rtol=1e-9)
        close(found.errors, terms.std(1, ddof=1) / 7 ** .5, rtol=1e-9)


def test_robustness():
    with opened(NET) as (de, X, T, _):
        a = de.explain('gradient', T, X, XS, YS)
        moves = [np.random.default_rng([1, 0, k]).uniform(-1, 1, 6) * .2 * np.ptp(XS, 1)[:, None]
                 for k in range(5)]
        changes = np.stack([np.linalg.norm(de.explain('gradient', T, X, XS + m, YS) - a, axis=1)
                            for m in moves], 1)
        steps = np.stack([np.linalg.norm(m, axis=1) for m in moves], 1)
        relative = changes / np.linalg.norm(a, axis=1)[:, None]
        want = {'max_sensitivity': relative.max(1), 'average_sensitivity': relative.mean(1),
                'local_lipschitz': (changes / steps).max(1)}
        for name, values in want.items():
            found = de.evaluate(name, T, X, XS, 'gradient', YS, samples=5, radius=.2, seed=1)
            close(found.values, values, rtol=1e-8)
        for given in a, de.explanation('gradient', T, X, XS, YS):
            with pytest.raises(errors.ParameterError, match='max_sensitivity explains again'):
                de.evaluate('max_sensitivity', T, X, XS, given, YS)
        explainer = de.get_explainer('gradient', T, X)
        close(de.evaluate('max_sensitivity', T, X, XS, explainer, YS, samples=5, radius=.2, seed=1).values,
              want['max_sensitivity'], rtol=1e-8)


def test_of_linear_models_nothing_changes(linear):
    de, X, T, _ = linear
    xs = RNG.normal(size=(3, 4))
    for name in 'max_sensitivity', 'average_sensitivity', 'local_lipschitz':
        close(de.evaluate(name, T, X, xs, 'gradient').values, 0, atol=1e-12)


def test_complexity(linear):
    """Of one feature, of all the same, of none."""
    de, X, T, _ = linear
    xs = RNG.normal(size=(2, 4))
    maps = np.array([[0, 0, -3., 0], [2, -2, 2, 2]])
    close(de.evaluate('sparseness', T, X, xs, maps).values, [.75, 0], atol=1e-12)
    close(de.evaluate('complexity', T, X, xs, maps).values, [0, np.log(4)], atol=1e-12)
    close(de.evaluate('effective_complexity', T, X, xs, maps).values, [1, 4])
    close(de.evaluate('effective_complexity', T, X, xs, maps, threshold=2.5, absolute=True).values, [1, 0])
    close(de.evaluate('effective_complexity', T, X, xs, maps * [[1], [1e-3]]).values, [1, 4])
    for name in 'sparseness', 'complexity':
        with pytest.warns(errors.MetricWarning, match=f'{name}: 1 of 2 rows count as 0'):
            found = de.evaluate(name, T, X, xs, maps * [[0], [1]])
        assert found.values[0] == 0


def test_irof():
    ys, labels = np.array([0, 1, 2, 0]), np.array([0, 0, 0, 1, 1, 2])
    with opened(NET) as (de, X, T, session):
        chance = Probability(outputs=T)
        found = de.evaluate('irof', chance, X, XS, MAPS, ys, features=Segments(labels), baseline=B)
        means = np.stack([MAPS[:, labels == k].mean(1) for k in range(3)], 1)
        order = np.argsort(-means, 1)
        curve = np.stack([de.value(chance, X, np.where([np.isin(labels, row[:k]) for row in order], B, XS),
                                   ys) for k in range(4)], 1)
        curve /= curve[:, :1]
        close(found.values, 1 - ((curve[:, 1:] + curve[:, :-1]) / 2).sum(1) / 3, rtol=1e-9)
        with session.graph.as_default():
            twice = tf.nn.softmax(T)
        for name in 'irof', 'average_drop', 'average_gain', 'increase_in_confidence':
            more = {'features': Axes(), 'baseline': 0} if name == 'irof' else {}
            with pytest.raises(errors.TensorError, match=r'compares probabilities, and T .* is none'):
                de.evaluate(name, T, X, XS, MAPS, ys, **more)
            with pytest.raises(errors.TensorError, match='is 2 in row 0'):
                de.evaluate(name, twice, X, XS, MAPS, np.full((4, 3), 2.), **more)


def test_random_logit():
    net = cnn('tanh')
    xs, ys = samples(net, 4)[0], np.array([0, 1, 2, 0])
    with opened(net) as (de, X, T, _):
        a = de.explain('gradient', T, X, xs, ys)
        others = (ys + [np.random.default_rng([5, k]).integers(1, 3) for k in range(4)]) % 3
        b = de.explain('gradient', T, X, xs, others)
        found = de.evaluate('random_logit', T, X, xs, 'gradient', ys, similarity='pearson', seed=5)
        close(found.values, [np.corrcoef(p.ravel(), q.ravel())[0, 1] for p, q in zip(a, b)], rtol=1e-7)
        own = de.evaluate('random_logit', T, X, xs, 'gradient', ys, seed=5,
                          similarity=lambda p, q: (p * q).sum((1, 2, 3)))
        close(own.values, (a * b).sum((1, 2, 3)), rtol=1e-9)
        assert np.abs(de.evaluate('random_logit', T, X, xs, 'gradient', ys).values).max() < 1
        with pytest.raises(errors.ParameterError, match='give ys as class indices'):
            de.evaluate('random_logit', T, X, xs, 'gradient', np.eye(3)[ys])


def test_localization():
    masks = np.zeros((4, 6), bool)
    masks[:, :2] = True
    inside = np.where(masks, 1, -1.) * np.arange(1, 7)
    with opened(NET) as (de, X, T, _):
        def score(name, maps, **parameters):
            return de.evaluate(name, T, X, XS, maps, YS, masks=masks, **parameters).values
        for name, more in (('pointing_game', {}), ('relevance_mass', {}), ('relevance_rank', {}),
                           ('top_k_intersection', {'k': 2}), ('localization_auc', {})):
            close(score(name, inside, **more), 1)
            close(score(name, -inside, **more), 0)
        close(score('relevance_mass', np.ones((4, 6))), 2 / 6)
        close(score('localization_auc', np.ones((4, 6))), .5)
        positive = np.maximum(MAPS, 0)
        pairs = (positive[:, :2, None] > positive[:, None, 2:]) + .5 * (positive[:, :2, None]
                                                                       == positive[:, None, 2:])
        close(score('localization_auc', MAPS), pairs.mean((1, 2)))
        with pytest.raises(errors.ParameterError, match='nothing is inside in row 0'):
            de.evaluate('pointing_game', T, X, XS, MAPS, YS, masks=masks & False)
        with pytest.raises(errors.ShapeError, match='masks have shape'):
            de.evaluate('pointing_game', T, X, XS, MAPS, YS, masks=masks[:, :3])
    net = cnn('tanh')
    xs, ys = samples(net, 1)
    maps = np.zeros(xs.shape)
    maps[0, 3, 3, 1] = 1
    place = np.zeros((1, 6, 6), bool)
    place[0, 1, 3] = True
    with opened(net) as (de, X, T, _):
        hits = [de.evaluate('pointing_game', T, X, xs, maps, ys, masks=place, margin=m).values[0]
                for m in (0, 1, 2)]
        assert hits == [0, 0, 1]


def test_images_without_channels(session):
    """A mask shaped like xs is of entries, and features say the same elsewhere."""
    x = v1.placeholder(tf.float64, (None, 4, 4))
    maps, mask = np.zeros((1, 4, 4)), np.zeros((1, 4, 4), bool)
    maps[0, 1, 2], mask[0, 1, 3], mask[0, 2, 0] = 1, True, True
    with DeepExplain(session) as de:
        def score(name, **parameters):
            t = tf.reduce_sum(x, [1, 2])
            return de.evaluate(name, t, x, np.ones((1, 4, 4)), maps, **parameters).values[0]
        assert score('pointing_game', masks=mask) == 0 and score('pointing_game', masks=mask, margin=1) == 1
        assert score('localization_auc', masks=mask) < .5
        assert score('sparseness', features=Axes()) == 15 / 16 and score('sparseness') == 3 / 4
        assert score('effective_complexity', features=Axes()) == 1


def test_agreement():
    other = RNG.normal(size=XS.shape)
    with opened(NET) as (de, X, T, _):
        for name in 'rank_correlation', 'ssim', 'top_k':
            more = {'k': 3} if name == 'top_k' else {}
            close(de.evaluate(name, T, X, XS, MAPS, YS, other=MAPS, **more).values, 1)
        found = de.evaluate('top_k', T, X, XS, MAPS, YS, other=other, k=3).values
        close(found, [len({*np.argsort(-np.abs(a))[:3]} & {*np.argsort(-np.abs(b))[:3]}) / 3
                      for a, b in zip(MAPS, other)])
        with pytest.raises(errors.ShapeError, match='other holds attributions of shapes'):
            de.evaluate('ssim', T, X, XS, MAPS, YS, other=other[:2])


def test_ssim_of_summed_channels():
    net = cnn('tanh')
    xs, ys = samples(net, 2)
    a, b = RNG.normal(size=(2, *xs.shape))
    with opened(net) as (de, X, T, _):
        found = de.evaluate('ssim', T, X, xs, a, ys, other=b).values
    scaled = [[(s - s.min()) / np.ptp(s) for s in m.sum(-1)] for m in (a, b)]
    close(found, [structural_similarity(p, q, win_size=5, data_range=1) for p, q in zip(*scaled)], rtol=1e-9)


def test_roar():
    """A model that looks at feature 0 alone, trained by looking which feature tells the classes."""
    xs = RNG.normal(size=(60, 4))
    ys = (xs[:, 0] > 0).astype(int)

    def train(xs, ys):
        signs = np.sign(xs[ys == 1].mean(0) - xs[ys == 0].mean(0))
        best = np.abs(xs[ys == 1].mean(0) - xs[ys == 0].mean(0)).argmax()
        return lambda xs: (xs[:, best] * signs[best] > 0).astype(int)
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float64, (None, 4))
        T = tf.stack([-X[:, 0], X[:, 0]], 1)
        right, wrong = np.zeros((2, 60, 4))
        right[:, 0], wrong[:, 1:] = 1, 1
        found = [de.evaluate('roar', T, X, xs, maps, ys, train=train, shares=[.25], repeats=3)
                 for maps in (right, wrong)]
        assert found[0].mean < .8 < found[1].mean == 1
        assert found[0].curve.y.shape == (3, 2) and (found[0].curve.y[:, 0] == 1).all()
        with pytest.raises(errors.ParameterError, match='train returned'):
            de.evaluate('roar', T, X, xs, right, ys, train=lambda xs, ys: None)


def test_stability():
    a = RNG.normal(size=(6, 5))
    folds = [np.arange(6) < 3, np.arange(6) >= 3]
    right = [np.array([1, 1, 1, 1, 1, 0], bool), np.ones(6, bool)]
    found = stability([a, np.r_[a[:5], -RNG.normal(size=(1, 5))]], right, folds)
    assert found.mege == 1 and found.reco == 1
    assert np.isnan(stability([a, a], [right[1]] * 2, folds).reco)
    assert stability([a, RNG.normal(size=a.shape)], [right[1]] * 2, folds).mege < .7
    # a row that neither has seen says nothing
    unseen = [np.append(fold, True) for fold in folds]
    more = [np.r_[a, RNG.normal(size=(1, 5))] for _ in range(2)]
    found = stability(more, [np.ones(7, bool)] * 2, unseen)
    assert found.mege == 1
    with pytest.raises(errors.ShapeError, match='at least two models'):
        stability([a], right[:1], folds[:1])
    with pytest.raises(errors.ShapeError, match='no row is held out'):
        stability([a, a], right, [folds[0] & False] * 2)


def test_the_table_of_metrics():
    assert 'deletion' in metrics and len(metrics) >= 29
    assert metrics()['deletion'].startswith('Area under T') and 'deletion' in repr(metrics)
    assert '<table>' in metrics._repr_html_()
    with pytest.raises(errors.UnknownMetric, match='Did you mean "insertion"'):
        metrics['insertions']
