"""What is drawn of texts, series and sequences of letters."""

import re

import numpy as np
import pytest

from deepexplain2 import Explanation, plots
from deepexplain2.errors import ParameterError, ShapeError
from deepexplain2.plots.words import joined_words

RNG = np.random.default_rng(0)
WORDS = ['a', 'great', '<b>', 'mess']
VALUES = np.array([0., 2., -.5, -2.])


def spans(html):
    return re.findall(r'<span style="background:(#\w+);border[^>]*title="([^"]*)">(.*?)</span>', html)


def test_html_has_words_colours_and_numbers():
    html = plots.text(VALUES, WORDS, to='html', prediction='good', label='<bad>')
    found = spans(html)
    assert [(w, s) for _, s, w in found] == [('a', '+0'), ('great', '+2'), ('&lt;b&gt;', '-0.5'),
                                             ('mess', '-2')]
    colours = [[int(c[k:k + 2], 16) for k in (1, 3, 5)] for c, _, _ in found]
    assert colours[0] == [255] * 3 and colours[1][0] > colours[1][2] and colours[3][2] > colours[3][0]
    assert 'prediction: good · label: &lt;bad&gt;' in html and 'color:#000' in html
    assert html._repr_html_() == html


def test_terminal_is_black_on_pale_and_wrapped():
    said = plots.text(np.tile(VALUES, 10), WORDS * 10, to='terminal', width=30)
    plain = re.sub('\x1b\\[[0-9;]*m', '', said)
    assert max(map(len, plain.splitlines()[:-1])) <= 30
    assert plain.split()[:8] == WORDS * 2
    assert '\x1b[38;2;0;0;0m' in said and repr(said) == said
    assert plain.splitlines()[-1].split() == ['-2', '0', '+2', 'attribution']


def test_axes_have_every_word_in_its_place():
    ax = plots.text(VALUES, WORDS, prediction=1, unit='share of logits')
    words = {t.get_text(): t.get_position() for t in ax.texts}
    assert [words[w][0] for w in WORDS] == [0, 2, 8, 12]
    assert words['share of logits'] and words['prediction: 1']
    boxes = [p for p in ax.patches if p.get_y() < 2]
    assert len(boxes) == 4 and boxes[1].get_width() == pytest.approx(5.3)
    assert len({t.get_fontsize() for t in ax.texts}) == 1


def test_letters_stay_in_the_boxes():
    """The text of a word is as wide as its box, within a letter."""
    ax = plots.text(VALUES, ['unforgettable', 'i', 'W', 'x' * 30])
    ax.figure.draw_without_rendering()
    boxes = ax.patches[:4]
    for text, box in zip(ax.texts, boxes):
        inner = text.get_window_extent().transformed(ax.transData.inverted())
        assert box.get_x() - .5 <= inner.x0 and inner.x1 <= box.get_x() + box.get_width() + .5
        assert inner.width > box.get_width() - 2


def test_all_documents_share_a_scale():
    html = plots.text([[1., 2.], [.5, 4.]], [['a', 'b'], ['c', 'd']], to='html', percentile=100)
    colours = {w: c for c, _, w in spans(html)}
    assert colours['a'] > colours['b'] > colours['d']      # paler is a larger number


@pytest.mark.parametrize('tokens, words, sums', [
    (['[CLS]', 'un', '##forget', '##table', 'film', '[SEP]'], ['[CLS]', 'unforgettable', 'film', '[SEP]'],
     [1, 9, 5, 6]),
    (['<s>', '▁un', 'forget', '▁film', '</s>'], ['<s>', 'unforget', 'film', '</s>'], [1, 5, 4, 5]),
    (['The', 'Ġact', 'ing', 'Ġfilm'], ['The', 'acting', 'film'], [1, 5, 4]),
    (['a', '##', 'b'], ['a', '##', 'b'], [1, 2, 3]), (['one'], ['one'], [1])])
def test_pieces_of_words_are_joined(tokens, words, sums):
    found, values = joined_words(tokens, np.arange(1., len(tokens) + 1))
    assert found == words and values.tolist() == sums
    html = plots.text(np.arange(1., len(tokens) + 1), tokens, to='html', join=False)
    assert len(spans(html)) == len(tokens)


def test_pieces_without_a_value():
    found, values = joined_words(['a', '##b', '##c', 'd'], np.array([np.nan, 1, 2, np.nan]))
    assert values[0] == 3 and np.isnan(values[1])
    assert 'title="no value"' in plots.text([np.nan, 1.], ['a', 'b'], to='html')


def test_attributions_of_padding_are_not_lost():
    html = plots.text([1., 2., .25, .25], ['a', 'b'], to='html')
    assert '(padding: +0.5)' in html
    assert '(padding' not in plots.text([1., 2., 0.], ['a', 'b'], to='html')


def test_an_explanation_of_ids_takes_a_vocabulary():
    e = Explanation(np.array([[1., 2.], [3., 4.]]), np.array([[5, 6], [6, 9]]), fx=np.array([.5, -.5]),
                    target='m/score/BiasAdd:0', method='Occlusion()')
    html = plots.text(e, {5: 'five', 6: 'six'}, to='html')
    assert [w for _, _, w in spans(html)] == ['five', 'six', 'six', '[9]']
    assert 'score = 0.5' in html and 'score = -0.5' in html and 'Occlusion of score' in html
    assert [w for _, _, w in spans(e.plot(to='html'))] == ['5', '6', '6', '9']
    embedded = Explanation(np.ones((2, 2, 3)), np.ones((2, 2, 3)))
    assert [s for _, s, _ in spans(plots.text(embedded, [['a', 'b'], ['c', 'd']], to='html'))] == ['+3'] * 4


def test_the_legend_of_short_texts_is_not_cut():
    ax = plots.text(np.array([.1, -.2]), ['a', 'b'], unit='share of the logit of the last layer')
    last = ax.texts[-1]
    assert last.get_text().startswith('share of the logit')
    assert last.get_position()[0] + len(last.get_text()) <= ax.get_xlim()[1]


def test_a_list_of_words_is_no_vocabulary():
    with pytest.raises(ShapeError, match=r'1 documents, and values of 2. A vocabulary.*is a dict'):
        plots.text(Explanation(np.ones((2, 3)), np.array([[0, 1, 2], [2, 1, 0]])), ['the', 'words', 'there'])


def test_texts_that_do_not_fit():
    with pytest.raises(ShapeError, match='document 0 has 3 tokens, and values 2'):
        plots.text([1., 2.], ['a', 'b', 'c'])
    with pytest.raises(ParameterError, match='tokens must be the words'):
        plots.text(VALUES)
    with pytest.raises(ShapeError, match='tokens are of 1 documents, and values of 2'):
        plots.text([[1., 2.], [3., 4.]], [['a', 'b']])
    with pytest.raises(ParameterError, match='to must be one of'):
        plots.text(VALUES, WORDS, to='pdf')
    with pytest.raises(ShapeError, match='prediction holds 2 entries'):
        plots.text(VALUES, WORDS, prediction=['a', 'b'])
    with pytest.raises(ParameterError, match='takes the ids of an Explanation'):
        plots.text(VALUES, {1: 'a'})


def test_a_series_is_coloured_where_its_attributions_are():
    values = np.zeros((50, 2))
    values[10, 0], values[30, 0] = 3, -3
    data = RNG.normal(size=(50, 2))
    found = plots.series(values, data, channel_names=['left', 'right'])
    assert found.shape == (2, 1) and [ax.get_ylabel() for ax in found[:, 0]] == ['left', 'right']
    line = next(c for c in found[0, 0].collections if len(c.get_segments()) == 50)
    colours = line.get_colors()
    assert colours[10][0] > colours[10][2] and colours[30][2] > colours[30][0]
    np.testing.assert_allclose(colours[20][:3], 1, atol=.01)
    np.testing.assert_allclose(line.get_segments()[10][1], (10, data[10, 0]))


def test_series_of_rows_channels_first_and_strips():
    values, data = RNG.normal(size=(5, 2, 40)), RNG.normal(size=(5, 2, 40))
    found = plots.series(values, data, channels='first', style='strip', times=np.linspace(0, 1, 40))
    assert found.shape == (2, 3) and found[-1, 0].get_xlabel() == '3 of 5 rows'
    assert found[0, 0].get_xlim()[1] == pytest.approx(1, abs=.1)
    strip = found[1, 2].collections[0]
    line = found[1, 2].lines[0]
    np.testing.assert_allclose(line.get_ydata(), data[2, 1])
    assert strip.get_array().shape[:2] == (1, 40)
    assert strip.get_coordinates()[..., 1].max() < data[2, 1].min()
    lows = {bar.get_ylim() for bar in found[0, 0].figure.axes if bar not in found}
    assert len(lows) == 1                                   # one scale


def test_series_takes_the_channels_with_the_largest_attributions():
    values = np.zeros((30, 20))
    values[:, [3, 11]] = 1
    found = plots.series(values, max_channels=2)
    assert [ax.get_ylabel() for ax in found[:, 0]] == ['channel 3', 'channel 11']
    assert found[-1, 0].get_xlabel() == 'the 2 of 20 channels with the largest attributions'


def test_series_that_do_not_fit():
    with pytest.raises(ShapeError, match='data has shape'):
        plots.series(np.zeros((30, 2)), np.zeros((30, 3)))
    with pytest.raises(ShapeError, match=r'times has shape \(3,\)'):
        plots.series(np.zeros(30), times=[1, 2, 3])
    with pytest.raises(ShapeError, match='channel_names holds 1 names'):
        plots.series(np.zeros((30, 2)), channel_names=['a'])
    with pytest.raises(ShapeError, match='A series is'):
        plots.series(np.zeros((1, 2, 3, 4)))
    values = np.zeros(30)
    values[:3] = np.nan
    assert plots.series(values)[0, 0].get_xlabel() == 'hatched: no value (10%)'
    assert plots.series(np.zeros(1), np.ones(1)).shape == (1, 1)


def letters(ax):
    """(letter, x of the middle, low, high)."""
    boxes = [(p.get_label(), p.get_path().get_extents()) for p in ax.patches]
    return [(name, round(b.x0 + b.width / 2), round(b.y0, 6), round(b.y1, 6)) for name, b in boxes]


def test_letters_are_as_high_as_their_attributions():
    hot = np.eye(4)[[1, 0, 3]]
    values = np.array([[9., 2., 0, 0], [-1., 0, 0, 0], [0, 0, 0, 0]])
    (ax,) = plots.logo(values, hot, start=100)              # what is not there adds to what is
    assert letters(ax) == [('C', 100, 0, 11), ('A', 101, -1, 0)]


def test_letters_without_a_sequence_are_stacked():
    (ax,) = plots.logo([[1., 2., -3., 0]])
    assert letters(ax) == [('A', 0, 0, 1), ('C', 0, 1, 3), ('G', 0, -3, 0)]


def test_a_letter_below_the_line_is_upside_down():
    (ax,) = plots.logo([[0, 0, 0, 1.], [0, 0, 0, -1.]])
    up, down = (p.get_path().vertices for p in ax.patches)
    wide = up[up[:, 1] > .9]                                # the bar of the T
    assert np.ptp(wide[:, 0]) > .8 and np.ptp(down[down[:, 1] < -.9][:, 0]) > .8


def test_logos_of_rows_positions_and_other_alphabets():
    hot = np.eye(4)[RNG.integers(0, 4, (6, 9))]
    e = Explanation(hot * 1., hot)
    found = plots.logo(e)
    assert found.shape == (4,) and found[-1].get_xlabel() == '4 of 6 rows' and len(found[0].patches) == 9
    (ax,) = plots.logo([1., -2.], [[1, 0], [0, 1]], letters='XY')
    assert letters(ax) == [('X', 0, 0, 1), ('Y', 1, -2, 0)]
    assert plots.logo(Explanation(np.ones((1, 9)), hot[:1]))[0].patches


def test_logos_that_do_not_fit():
    with pytest.raises(ShapeError, match=r'need \(length, 4\)'):
        plots.logo(np.ones((5, 3)))
    with pytest.raises(ShapeError, match='data must be one-hot'):
        plots.logo(np.ones((5, 4)), np.full((5, 4), .25))
    with pytest.raises(ParameterError, match='letters must name each letter once'):
        plots.logo(np.ones((5, 4)), letters='ACGA')
    (ax,) = plots.logo(np.array([[np.nan] * 4, [1., 0, 0, 0]]))
    assert ax.get_xlabel() == 'hatched: no value (50%)'
