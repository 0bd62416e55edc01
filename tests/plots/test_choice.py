"""Which plot an Explanation gets, what all plots keep, and what a notebook shows."""

import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest

from deepexplain2 import Explanation, errors, plots
from deepexplain2.evaluation import Comparison, Scores
from deepexplain2.plots.choose import kind_of

RNG = np.random.default_rng(0)
HOT = np.eye(4)[RNG.integers(0, 4, (3, 20))]
ENDS = {'fx': np.ones(3), 'f_baseline': np.zeros(3), 'delta': np.zeros(3)}


def of(values, xs=None, **more):
    return Explanation(values, values if xs is None else xs, **more)


KINDS = [
    ('images', of(RNG.normal(size=(3, 8, 9, 3)))),
         ('images', of(RNG.normal(size=(3, 8, 9)), np.ones((3, 8, 9, 3)))),
    ('images', of(RNG.normal(size=(3, 28, 28)))), ('series', of(RNG.normal(size=(3, 100, 2)))),
    ('logo', of(HOT * .5, HOT)), ('series', of(RNG.normal(size=(3, 20, 5)),
                                               np.eye(5)[RNG.integers(0, 5, (3, 20))])),
    ('text', of(RNG.normal(size=(3, 6)), RNG.integers(0, 9, (3, 6)))),
    ('beeswarm', of(RNG.normal(size=(3, 6)), RNG.integers(0, 9, (3, 6)), feature_names=[list('abcdef')])),
    ('beeswarm', of(RNG.normal(size=(3, 6)))), ('heatmap', of(RNG.normal(size=(3, 200)))),
    ('beeswarm', of(RNG.normal(size=(3, 200)), feature_names=[[str(k) for k in range(200)]])),
    ('global_bar', of(RNG.normal(size=(3, 6)), by_feature=RNG.normal(size=(3, 2)))),
    ('global_bar', of(RNG.normal(size=(3, 6)), np.ones((3, 8, 8, 1)), layer='dense')),
    ('images', of(RNG.normal(size=(3, 4, 4, 16)), np.ones((3, 8, 8, 3)), layer='conv')),
    ('beeswarm', of([RNG.normal(size=(3, 2)), RNG.normal(size=(3, 1))], input_names=['a', 'b'], **ENDS))]
ONE = {'images': 'image', 'beeswarm': 'bar', 'global_bar': 'bar', 'heatmap': 'series'}


@pytest.mark.parametrize('kind, explanation', KINDS)
def test_kinds(kind, explanation):
    assert kind_of(explanation) == kind
    one = 'waterfall' if explanation.delta is not None else ONE.get(kind, kind)
    assert kind_of(explanation[1]) == one
    for e in explanation, explanation[1]:
        found = e.plot(to='html') if kind == 'text' else e.plot()
        assert isinstance(found, str) or np.asarray(found, object).flat[0].figure
        assert e.plot(kind='bar').get_title() == '' if len(e) == 1 else True
        html = e._repr_html_()
        assert ('<img' in html or '<span' in html) and '<table>' in html


def test_tokens_make_it_a_text_and_kind_decides():
    e = of(RNG.normal(size=(1, 3, 4)))
    assert isinstance(e.plot(tokens=['a', 'b', 'c'], to='html'), str)
    assert e.plot(kind='heatmap').get_yticklabels()
    with pytest.raises(errors.ParameterError, match=r"kind must be one of 'image'.*not 'pie'"):
        e.plot('pie')


def test_inputs_of_which_one_is_an_image_are_drawn_apart():
    e = of([RNG.normal(size=(1, 8, 8, 1)), RNG.normal(size=(1, 2))], input_names=['image', 'age'])
    found = e.plot()
    assert list(found) == ['image', 'age'] and e._repr_html_().count('<img') == 2
    assert e.of_input('age').values.shape == e.of_input(1).values.shape == e.of_input(-1).values.shape == (1,
                                                                                                           2)
    assert e.of_input('age').f_baseline is None
    with pytest.raises(errors.ParameterError, match=r"no input 'size'\. There are: image, age"):
        e.of_input('size')
    with pytest.raises(IndexError, match='input 2 of an Explanation of 2 inputs'):
        e.of_input(2)


def test_volumes_have_no_plot_and_still_a_table():
    e = of(RNG.normal(size=(1, 4, 4, 4, 2)))
    with pytest.raises(errors.ShapeError, match=r'no plot shows attributions of shape \(1, 4, 4, 4, 2\)'):
        e.plot()
    assert '<img' not in e._repr_html_() and '<table>' in e._repr_html_()


def comparison():
    scores = {(m, k): Scores(RNG.random(3), k, 'lower') for m in ('a', 'random') for k in ('x', 'y', 'z')}
    scores['b', 'x'] = 'no gradient'
    return Comparison(['a', 'random', 'b'], ['x', 'y', 'z'], scores, dict.fromkeys('xyz', 'lower'))


def test_a_comparison_says_what_does_not_apply():
    found = comparison().plot()
    assert found.shape == (2, 3)
    assert sorted(t.get_text() for t in found[0, 0].texts) == [' not applicable']
    assert [ax.get_title() for ax in found.flat][:4] == [
        *(f'{k} (lower is better)' for k in 'xyz'), 'rank correlation of attributions']
    names = [t.get_text() for t in found[0, 0].get_yticklabels()]
    assert found[0, 0].yaxis_inverted()                     # the best method on top
    grey = found[0, 0].patches[names.index('random')].get_facecolor()
    assert grey[0] == grey[1] == grey[2]


CALLS = {
    'bar': lambda **o: plots.bar([1., -2.], **o), 'beeswarm': lambda **o: plots.beeswarm(np.ones((4, 2)),
                                                                                         **o),
    'comparison': lambda **o: plots.comparison(comparison(), **o),
         'curve': lambda **o: plots.curve([1., 0.], **o),
    'curves': lambda **o: plots.curves({'a': [1., 0.]}, **o),
    'detections': lambda **o: plots.detections(np.ones((8, 8)), [[0, 0, 4, 4]], **o),
    'global_bar': lambda **o: plots.global_bar(np.ones((4, 2)), **o),
    'heatmap': lambda **o: plots.heatmap(np.ones((4, 2)), **o),
    'image': lambda **o: plots.image(np.ones((4, 5)), **o),
         'images': lambda **o: plots.images(np.ones((1, 4, 5)), **o),
    'layers': lambda **o: plots.layers({'a': np.ones((4, 4, 2))}, **o),
         'logo': lambda **o: plots.logo(np.ones((5, 4)), **o),
    'plot': lambda **o: plots.plot(of(np.ones((1, 3))), **o),
    'scatter': lambda **o: plots.scatter(np.ones((4, 2)), np.ones((4, 2)), **o),
    'segmentation': lambda **o: plots.segmentation(np.ones((4, 5)), None, np.eye(4, 5), **o),
    'series': lambda **o: plots.series(np.ones(9), **o), 'text': lambda **o: plots.text([1.], ['a'], **o),
    'waterfall': lambda **o: plots.waterfall([1., 2.], 0., **o)}


def test_every_plot_is_called_here():
    assert sorted(CALLS) == sorted(plots.__all__)


@pytest.mark.parametrize('name', sorted(CALLS))
def test_axes_of_the_caller_are_drawn_on_and_returned(name):
    settings = dict(plt.rcParams)
    found = np.asarray(CALLS[name](), object)
    assert plt.get_fignums() == [1]                         # one new figure, that plt.show would show
    figure, axes = plt.subplots(*(found.shape if found.ndim == 2 else (1, found.size)), squeeze=False)
    drawn = CALLS[name](ax=axes if found.ndim else axes[0, 0])
    assert all(a.figure is figure for a in np.asarray(drawn, object).flat)
    assert plt.get_fignums() == [1, 2] and dict(plt.rcParams) == settings
    figure.draw_without_rendering()
    with pytest.raises(errors.ParameterError, match='ax must be axes of matplotlib, not str'):
        CALLS[name](ax='axes')
    with pytest.raises(errors.ShapeError, match='ax holds'):
        CALLS[name](ax=[*axes.flat, *axes.flat])
    assert plt.get_fignums() == [1, 2]


def test_a_figure_is_closed_where_drawing_fails():
    with pytest.raises(errors.ParameterError):
        plots.image(np.ones((4, 5)), cmap='no such map')
    assert plt.get_fignums() == []


def test_notebooks_leave_pyplot_as_it_was():
    figure = plt.figure()
    plt.figure()
    plt.figure(figure.number)
    of(RNG.normal(size=(1, 8, 8, 3)))._repr_html_()
    assert plt.gcf() is figure and len(plt.get_fignums()) == 2


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    for name in [m for m in sys.modules if m.split('.')[0] == 'matplotlib']:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, 'matplotlib', None)
    for name in sorted(set(CALLS) - {'image', 'images', 'detections', 'segmentation'}):
        with pytest.raises(errors.MissingPackageError, match='pip install matplotlib') as raised:
            CALLS[name]()
        assert isinstance(raised.value, ImportError)
    assert '<span' in plots.text([1.], ['a'], to='html')
    assert '<table>' in of(RNG.normal(size=(1, 8, 8, 3)))._repr_html_()
