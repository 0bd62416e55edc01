"""What is drawn of features: the numbers, their order, names, and what is left out."""

import numpy as np
import pytest

from deepexplain2 import Explanation, plots
from deepexplain2.errors import ParameterError, ShapeError, ValueRangeError

RNG = np.random.default_rng(0)
NAMES = ['area', 'age', 'floor', 'lift']
VALUES = np.array([1., -3., .5, 0.])


def names(ax):
    return [t.get_text() for t in ax.get_yticklabels()]


def table(n=40):
    xs = RNG.normal(size=(n, 4))
    values = xs * [3, -1, .5, 0]
    return Explanation(values, xs, fx=values.sum(1) + 7, f_baseline=np.full(n, 7.), delta=np.zeros(n),
                       feature_names=[NAMES], unit='share of price', method='DeepLift()', target='price')


def test_bars_are_sorted_by_size_and_coloured_by_sign():
    ax = plots.bar(VALUES, NAMES)
    assert names(ax) == ['age', 'area', 'floor', 'lift']
    assert [p.get_width() for p in ax.patches] == [-3, 1, .5, 0]
    assert ax.patches[0].get_facecolor()[2] > ax.patches[0].get_facecolor()[0]
    assert ax.patches[1].get_facecolor()[0] > ax.patches[1].get_facecolor()[2]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]              # the largest on top
    assert [t.get_text() for t in ax.texts] == ['-3', '+1', '+0.5', '+0']


def test_what_is_not_shown_is_summed():
    ax = plots.bar(VALUES, NAMES, max_display=2)
    assert names(ax) == ['age', '3 others, summed'] and ax.patches[1].get_width() == 1.5
    assert names(plots.bar(VALUES, NAMES, max_display=4)) == ['age', 'area', 'floor', 'lift']
    assert names(plots.bar(VALUES, max_display=1)) == ['feature 1', '3 others, summed']


def test_what_does_not_add_up_is_not_summed():
    e = Explanation(VALUES[None], VALUES[None], feature_names=[NAMES], adds_up=False)
    ax = plots.bar(e, max_display=2)
    assert len(ax.patches) == 2 and ax.get_xlabel().endswith('2 more features are not shown')


def test_bar_of_an_explanation_says_values_units_and_errors():
    e = Explanation(VALUES[None], np.array([[80., 12., 3., 1.]]), feature_names=[NAMES],
                    unit='share of price',
                    std_error=np.array([[.1, .2, .3, .4]]), method='Lime()', target='price')
    ax = plots.bar(e)
    assert names(ax) == ['age = 12', 'area = 80', 'floor = 3', 'lift = 1']
    assert (ax.get_xlabel(), ax.get_title()) == ('share of price', 'Lime of price')
    bars = ax.containers[0].errorbar if hasattr(ax.containers[0], 'errorbar') else ax.containers[-1].errorbar
    spans = [np.ptp(s[:, 0]) for s in bars[2][0].get_segments()]
    np.testing.assert_allclose(spans, [.4, .2, .6, .8])


def test_bar_of_several_inputs_and_of_features():
    e = Explanation([np.array([[1., 2.]]), np.array([[-5.]])], [np.ones((1, 2)), np.ones((1, 1))],
                    input_names=['image', 'age'])
    assert names(plots.bar(e)) == ['age: 0 = 1', 'image: 1 = 1', 'image: 0 = 1']
    with pytest.raises(ShapeError, match=r"2 inputs \(image, age\).*explanation.of_input\('image'\)"):
        plots.series(e)
    grouped = Explanation(np.ones((1, 4)), np.ones((1, 4)), by_feature=np.array([[2., -3.]]),
                          by_feature_names=['size', 'rest'], adds_up=False)
    assert names(plots.bar(grouped)) == ['rest', 'size']


def test_nan_has_no_bar_and_is_told():
    ax = plots.bar([1., np.nan, 2.])
    assert [t.get_text() for t in ax.texts] == ['+2', '+1', 'no value']


def test_bar_refuses_many_rows_and_names_that_do_not_fit():
    with pytest.raises(ShapeError, match=r'shows one row, and values have 40.*plots\.beeswarm'):
        plots.bar(table())
    with pytest.raises(ShapeError, match='feature_names holds 1 names'):
        plots.bar(VALUES, ['a'])
    with pytest.raises(ShapeError, match=r'std_error has shape \(2,\)'):
        plots.bar(VALUES, std_error=[1, 2])
    with pytest.raises(ParameterError, match='max_display must be a whole number of at least 1'):
        plots.bar(VALUES, max_display=0)
    with pytest.raises(ValueRangeError, match='1 infinite values'):
        plots.bar([np.inf, 1])
    with pytest.raises(ParameterError, match='values must be an array of numbers'):
        plots.bar(['a', 'b'])


def test_waterfall_leads_from_the_baseline_to_the_output():
    ax = plots.waterfall(VALUES, 10., NAMES, output=8.5)
    spans = [(p.get_x(), p.get_x() + p.get_width()) for p in ax.patches]
    np.testing.assert_allclose(spans, [(10, 7), (7, 8), (8, 8.5), (8.5, 8.5)])
    assert {'baseline 10', 'T = 8.5'} <= {t.get_text() for t in ax.texts}


def test_waterfall_shows_what_is_not_explained():
    ax = plots.waterfall(VALUES, 10., NAMES, output=9., max_display=2)
    assert names(ax) == ['age', '3 others, summed', 'not explained']
    assert [p.get_width() for p in ax.patches] == pytest.approx([-3, 1.5, .5])
    assert ax.patches[-1].get_width() == pytest.approx(.5) and ax.patches[-1].get_hatch()
    assert {'T = 9'} <= {t.get_text() for t in ax.texts}
    assert 'not explained' not in names(plots.waterfall(VALUES, 10., output=8.5 + 1e-5))


def test_waterfall_sums_the_rest_with_its_signs():
    ax = plots.waterfall([-3., 2., -1., .25], 0., max_display=2)
    assert [p.get_width() for p in ax.patches] == pytest.approx([-3, 1.25])


def test_waterfall_of_an_explanation():
    e = table()[3]
    ax = plots.waterfall(e)
    first = max(range(4), key=lambda k: abs(e.values[0, k]))
    assert names(ax)[0] == f'{NAMES[first]} = {e.xs[0, first]:.3g}'
    assert 'baseline 7' in {t.get_text() for t in ax.texts}
    with pytest.raises(ParameterError, match='base_value must be a number, not None'):
        plots.waterfall(VALUES)


def test_beeswarm_has_a_dot_for_every_row_at_its_attribution():
    e = table()
    ax = plots.beeswarm(e)
    assert names(ax) == ['area', 'age', 'floor', 'lift']
    dots = [c.get_offsets() for c in ax.collections if len(c.get_offsets())]
    assert [len(d) for d in dots] == [40] * 4
    np.testing.assert_allclose(sorted(dots[0][:, 0]), sorted(e.values[:, 0]))
    assert all(np.abs(d[:, 1] - k).max() <= .45 for k, d in enumerate(dots))
    shade = ax.collections[1].get_array()                   # high values of area, high attributions
    assert np.corrcoef(shade, dots[0][:, 0])[0, 1] > .9


def test_beeswarm_of_values_that_are_no_numbers_is_grey():
    xs = np.array([['a', 1.5], ['b', np.nan], ['c', 2.5]], object)
    ax = plots.beeswarm(RNG.normal(size=(3, 2)) * [10, 1], xs, ['letter', 'number'])
    grey, coloured = ax.collections[0], ax.collections[1]
    assert len(grey.get_offsets()) == 3 and len(coloured.get_offsets()) == 0
    assert len(ax.collections[2].get_offsets()) == 1        # the one that is NaN
    assert names(ax) == ['letter', 'number']


def test_beeswarm_says_what_is_not_shown():
    assert plots.beeswarm(RNG.normal(size=(9, 30)), max_display=5).get_xlabel() == \
        'attribution; 25 more features are not shown'
    assert len(plots.beeswarm(RNG.normal(size=(9, 5)), max_display=5).get_yticklabels()) == 5
    with pytest.raises(ShapeError, match='data has 3 rows, and values 9'):
        plots.beeswarm(RNG.normal(size=(9, 5)), np.zeros((3, 5)))
    with pytest.raises(ShapeError, match=r'data has shape \(9, 4\)'):
        plots.beeswarm(RNG.normal(size=(9, 5)), np.zeros((9, 4)))


def test_dots_at_one_place_stand_beside_one_another():
    from deepexplain2.plots.beeswarm import spread
    assert len(set(spread(np.zeros(20)))) == 20 and np.abs(spread(np.zeros(20))).max() <= .5
    assert spread(np.array([0., 10.])).tolist() == [0, 0]


def test_global_bar_is_the_mean_size_with_its_standard_error():
    values = np.array([[1., -4.], [-3., 4.], [2., 4.]])
    ax = plots.global_bar(values, ['a', 'b'])
    assert names(ax) == ['b', 'a'] and [p.get_width() for p in ax.patches] == [4, 2]
    spans = [np.ptp(s[:, 0]) for s in ax.containers[-1].errorbar[2][0].get_segments()]
    np.testing.assert_allclose(spans, [0, 2 * 1 / 3 ** .5])
    assert ax.get_xlabel() == 'mean size over 3 rows: attribution'


def test_global_bar_leaves_out_what_has_no_value():
    ax = plots.global_bar(np.array([[1., 4.], [np.nan, 4.], [3., 4.]]), ['a', 'b'])
    assert [p.get_width() for p in ax.patches] == [4, 2]


def test_global_bar_of_methods_and_of_the_rest():
    values = RNG.normal(size=(9, 6))
    ax = plots.global_bar({'a': values, 'b': 2 * values}, max_display=3)
    widths = np.array([p.get_width() for p in ax.patches]).reshape(2, 3)
    np.testing.assert_allclose(widths[1], 2 * widths[0])
    np.testing.assert_allclose(widths[0].sum(), np.abs(values).mean(0).sum())
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ['a', 'b']
    with pytest.raises(ShapeError, match="'b' has 5 features, and 'a' 6"):
        plots.global_bar({'a': values, 'b': values[:, :5]})


def test_scatter():
    e = table()
    ax = plots.scatter(e, feature='age', color='area')
    found = ax.collections[-1].get_offsets()
    np.testing.assert_allclose(found, np.column_stack([e.xs[:, 1], e.values[:, 1]]))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ('age', 'share of price')
    assert plots.scatter(e, feature=-1).get_xlabel() == 'lift'
    for bad in 'garden', 4, -5, True:
        with pytest.raises(ParameterError, match='feature'):
            plots.scatter(e, feature=bad)
    with pytest.raises(ValueRangeError, match='give data'):
        plots.scatter(e.values)
    with pytest.raises(ValueRangeError, match='are no numbers'):
        plots.scatter(e.values, np.full((40, 4), 'x', object))
    xs = e.xs.copy()
    xs[:3, 0] = np.nan
    assert plots.scatter(e.values, xs).get_xlabel() == 'feature 0 (3 of 40 rows have none)'


def test_heatmap_keeps_rows_whole_and_like_rows_together():
    a = np.repeat(np.eye(3), 10, 0)[RNG.permutation(30)]
    ax = plots.heatmap(a, ['a', 'b', 'c'])
    drawn = np.asarray(ax.get_images()[0].get_array())
    changes = (np.abs(np.diff(drawn, axis=1)) > .1).any((0, 2)).sum()
    assert drawn.shape[:2] == (3, 30) and changes == 2 and ax.get_xlabel() == '30 rows, by likeness'
    given = plots.heatmap(a, order='given').get_images()[0].get_array()
    np.testing.assert_array_equal(given[0, :, 2] < .9, a[:, int(plots.heatmap(
        a, order='given').get_yticklabels()[0].get_text()[-1])] > 0)
    by_sum = plots.heatmap(np.arange(6.)[:, None] * np.ones((6, 2)), order='output')
    assert (np.diff(by_sum.get_images()[0].get_array()[0, :, 2]) >= 0).all()     # from dark to white
    with pytest.raises(ParameterError, match='order must be one of'):
        plots.heatmap(a, order='size')


def test_curves_are_means_with_a_band():
    y = np.array([[1., .5, 0.], [1., .7, .4]])
    ax = plots.curves({'a': y, 'b': [1., 1., 1.]}, [0, .5, 1], xlabel='share', ylabel='T')
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [1, .6, .2])
    band = ax.collections[0].get_paths()[0].vertices
    assert band[:, 1].max() == pytest.approx(1) and len(ax.collections) == 1
    spread = .6 + .2 / 2
    assert any(np.allclose(v, (.5, spread)) for v in band)
    assert ax.get_xlabel() == 'share'
    with pytest.raises(ShapeError, match="curve 'a' 3 points"):
        plots.curves({'a': y}, [0, 1])
    with pytest.raises(ParameterError, match='takes a dict'):
        plots.curves(y)


def test_curves_of_scores():
    from deepexplain2.evaluation import Scores
    from deepexplain2.evaluation.scores import Curve
    y = np.array([[1., .2], [1., .4]])
    scores = Scores(y.mean(1), 'deletion()', 'lower', Curve(np.array([0., 1.]), y))
    ax = plots.curves({'intgrad': scores})
    assert ax.get_legend().get_texts()[0].get_text() == 'intgrad (0.65)'
    assert ax.get_ylabel() == 'deletion (lower is better)' and ax.get_xlabel() == 'share of features'
    plots.curve(scores, ax=ax, label='again')
    assert len(ax.lines) == 2 and ax.lines[0].get_color() != ax.lines[1].get_color()
    named = Scores(y.mean(1), 'model_randomization()', 'lower', Curve(np.arange(2.), y, ('dense', 'conv')))
    assert [t.get_text() for t in plots.curve(named).get_xticklabels()] == ['dense', 'conv']
    own = Scores(y.mean(1), 'deletion()', 'lower', Curve(np.array([[0., 1.], [0., 2.]]), y))
    np.testing.assert_allclose(plots.curve(own).lines[0].get_xdata(), [0, 2])
    with pytest.raises(ParameterError, match='has no curve'):
        plots.curve(Scores(y.mean(1), 'complexity()', 'lower'))
