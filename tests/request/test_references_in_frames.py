"""Baselines and references as DataFrames and Series: their columns are those of xs."""

from dataclasses import dataclass

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, Explanation, errors
from deepexplain2.evaluation import Metric
from deepexplain2.parameters import Baseline
from tests.support.networks import v1

pandas = pytest.importorskip('pandas')
RNG = np.random.default_rng(0)
TABLE = pandas.DataFrame(RNG.normal(size=(6, 3)), columns=['a', 'b', 'c'])
SWAPPED = TABLE[['b', 'a', 'c']]


@pytest.fixture(scope='module')
def opened():
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        x, y = (v1.placeholder(tf.float64, (None, 3), n) for n in 'xy')
        yield de, tf.reduce_sum(tf.tanh(x) * [[1., 2, 3]], 1), x, y


@pytest.mark.parametrize('name, given', [
    ('references', TABLE[:4]), ('references', lambda xs: TABLE[:4]), ('baseline', TABLE.mean()),
    ('baseline', TABLE.iloc[2]), ('baseline', lambda xs: TABLE.mean()), ('baseline', TABLE / 2)])
def test_are_those_of_their_numbers(opened, name, given):
    de, T, x, _ = opened
    numbers = (lambda xs: given(xs).to_numpy()) if callable(given) else given.to_numpy()
    want = de.explain('deeplift', T, x, TABLE, average=False, **{name: numbers})
    for batch_size in None, 2:
        found = de.explain('deeplift', T, x, TABLE, batch_size=batch_size, average=False, **{name: given})
        np.testing.assert_allclose(found, want, rtol=1e-13)         # rounding differs with the rows of a run


def test_of_several_inputs(opened):
    de, T, x, y = opened
    U = T * tf.reduce_sum(y, 1)
    given = [TABLE.mean(), TABLE.iloc[0]]
    a = de.explain('occlusion', U, [x, y], [TABLE, TABLE.to_numpy()], baseline=given)
    b = de.explain('occlusion', U, {'x': x, 'y': y}, {'y': TABLE, 'x': TABLE},
                   baseline=dict(zip('xy', given)))
    want = de.explain('occlusion', U, [x, y], [TABLE, TABLE], baseline=[g.to_numpy() for g in given])
    for k, name in enumerate('xy'):
        np.testing.assert_array_equal(a[k], want[k])
        np.testing.assert_array_equal(b[name], want[k])


@pytest.mark.parametrize('name, given', [
    ('references', SWAPPED), ('references', lambda xs: SWAPPED), ('baseline', SWAPPED.mean()),
    ('baseline', lambda xs: SWAPPED.mean())])
def test_columns_in_another_order_are_refused(opened, name, given):
    de, T, x, _ = opened
    explainer = de.get_explainer('intgrad', T, x, **{name: given})
    with pytest.raises(errors.ShapeError, match='are not those of the first DataFrame'):
        explainer.run(TABLE)
    assert np.isfinite(de.explain('intgrad', T, x, TABLE.to_numpy(), **{name: given})).all()     # as it is


def test_one_baseline_per_row_in_the_order_of_xs(opened):
    de, T, x, _ = opened
    given = TABLE[::-1] / 2
    with pytest.raises(errors.ShapeError, match=r'another index .* row 0 is 5, and in xs 0'):
        de.explain('deeplift', T, x, TABLE, baseline=given, average=False)
    with pytest.raises(errors.ShapeError, match='another index'):
        de.explain('occlusion', T, x, TABLE, baseline=given)
    want = de.explain('deeplift', T, x, TABLE, baseline=given.loc[TABLE.index], average=False)
    np.testing.assert_allclose(want, de.explain('deeplift', T, x, TABLE.to_numpy(), average=False,
                                                baseline=TABLE.to_numpy() / 2), rtol=1e-13)
    for rows in {'baseline': given[:4]}, {'references': given}:         # a set, in any order
        assert np.isfinite(de.explain('deeplift', T, x, TABLE, **rows)).all()


def test_of_metrics(opened):
    @dataclass(frozen=True)
    class Sum(Metric):
        baseline: Baseline | None = None
        better = 'higher'

        def score(self, trial):
            return ((trial.xs[0] - trial.baselines[0]) * trial.attributions[0]).sum(1)
    de, T, x, _ = opened
    e, mean = de.explanation('deeplift', T, x, TABLE), TABLE.mean()
    want = ((TABLE - mean) * e.values).sum(axis=1)
    np.testing.assert_allclose(de.evaluate(Sum(mean), T, x, TABLE, e), want)
    np.testing.assert_allclose(de.evaluate(Sum(mean), T, x, TABLE.to_numpy(), e), want)
    for metric, xs, maps in ((Sum(mean[['b', 'a', 'c']]), TABLE, e), (Sum(mean), SWAPPED, e.values),
                             (Sum(), SWAPPED, e)):
        with pytest.raises(errors.ShapeError, match='are not those of the first DataFrame'):
            de.evaluate(metric, T, x, xs, maps)
    with pytest.raises(errors.ShapeError, match='another index'):
        de.evaluate(Sum(TABLE[::-1]), T, x, TABLE, e)


def test_what_is_no_number_is_refused(opened):
    de, T, x, _ = opened
    words = pandas.DataFrame({'a': ['x'], 'b': [1], 'c': [2]})
    with pytest.raises(errors.ShapeError, match=r'references for X "x:0" is a DataFrame with columns that '
                                                r"are not numbers: 'a'"):
        de.explain('deeplift', T, x, TABLE, references=words)


def test_are_kept_in_explanations(opened, tmp_path):
    de, T, x, _ = opened
    for given in {'references': TABLE[:4]}, {'baseline': TABLE.mean()}:
        e = de.explanation('deeplift', T, x, TABLE, **given)
        e.save(tmp_path / 'e.npz')
        loaded = Explanation.load(tmp_path / 'e.npz')
        assert loaded.feature_names == [['a', 'b', 'c']]
        np.testing.assert_array_equal(loaded.values, e.values)
