"""DataFrames and Series as values and data of plots: their names, and what does not agree."""

import numpy as np
import pandas as pd
import pytest

from deepexplain2 import Explanation, plots
from deepexplain2.errors import ShapeError, ValueRangeError

RNG = np.random.default_rng(0)
VALUES = pd.DataFrame(RNG.normal(size=(20, 3)) * [1, 10, 100], columns=['a', 'b', 'c'])
DATA = pd.DataFrame(RNG.normal(size=(20, 3)), columns=['a', 'b', 'c'])


def names(ax):
    return [t.get_text() for t in ax.get_yticklabels()]


def test_columns_name_the_features():
    assert names(plots.beeswarm(VALUES, DATA)) == ['c', 'b', 'a']
    assert names(plots.beeswarm(VALUES.to_numpy(), DATA)) == ['c', 'b', 'a']
    assert names(plots.beeswarm(VALUES, DATA, feature_names=['x', 'y', 'z'])) == ['z', 'y', 'x']
    assert names(plots.global_bar(VALUES)) == ['c', 'b', 'a']
    assert plots.scatter(VALUES, DATA, 'b').get_xlabel() == 'b'
    assert names(plots.bar(pd.Series([1., -2.], ['x', 'y']))) == ['y', 'x']
    assert names(plots.bar(pd.Series([1., -2.]))) == ['feature 1', 'feature 0']
    assert names(plots.bar([1., -2.], data=pd.Series([.5, 4.], ['x', 'y']))) == ['y = 4', 'x = 0.5']
    assert names(plots.waterfall(VALUES.iloc[0] * 0 + [3, 2, 1], 0.)) == ['a', 'b', 'c']
    pairs = VALUES.set_axis(pd.MultiIndex.from_tuples([('in', 'a'), ('in', 'b'), ('other', 'c')]), axis=1)
    assert names(plots.global_bar(pairs)) == ['other: c', 'in: b', 'in: a']


@pytest.mark.parametrize('draw', [
    lambda values, data: plots.beeswarm(values, data), lambda values, data: plots.scatter(values, data, 0),
    lambda values, data: plots.series(values, data)])
def test_columns_and_rows_in_another_order_are_refused(draw):
    with pytest.raises(ShapeError, match=r"the columns of data are not those of values, from position 0 on: "
                                         r"\['c', 'a', 'b'\] and \['a', 'b', 'c'\]"):
        draw(VALUES, DATA[['c', 'a', 'b']])
    with pytest.raises(ShapeError, match='the rows of data are not those of values, from position 0 on'):
        draw(VALUES.set_axis(range(3, 23)), DATA.set_axis(range(3, 23)).iloc[::-1])
    draw(VALUES.set_axis(range(3, 23)), DATA)               # rows that are only counted
    draw(VALUES, DATA[['c', 'a', 'b']].to_numpy())


def test_an_explanation_knows_its_columns():
    e = Explanation(VALUES.to_numpy(), DATA.to_numpy(), feature_names=[['a', 'b', 'c']])
    assert names(plots.beeswarm(e, DATA)) == ['c', 'b', 'a']
    with pytest.raises(ShapeError, match='the columns of data'):
        plots.beeswarm(e, DATA[['b', 'a', 'c']])
    with pytest.raises(ShapeError, match='the columns of data'):
        plots.bar(e[0], data=DATA[['b', 'a', 'c']].iloc[0])


def test_methods_with_columns_in_another_order_are_refused():
    with pytest.raises(ShapeError, match=r"the features of 'k' are not those of 'm', or in another order"):
        plots.global_bar({'m': VALUES, 'k': VALUES[['c', 'b', 'a']]})
    assert names(plots.global_bar({'m': VALUES, 'k': VALUES.to_numpy()})) == ['c', 'b', 'a']


def test_maps_as_tables_are_maps():
    assert plots.image(pd.DataFrame(np.eye(4), columns=list('abcd'))).images


def test_numbers_that_are_no_ids_have_no_words():
    e = Explanation(np.ones((1, 2)), np.array([[1.5, 2.]]))
    with pytest.raises(ValueRangeError, match=r'no token ids: .*1\.5.* is no whole number'):
        plots.text(e, {1: 'a', 2: 'b'}, to='html')
