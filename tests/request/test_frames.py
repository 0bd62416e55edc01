"""DataFrames as xs and Series as ys: names and order of columns, order of rows."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors

pd = pytest.importorskip('pandas')
v1 = tf.compat.v1
RNG = np.random.default_rng(0)
COLUMNS = ['rooms', 'age', 'dist']
W = RNG.normal(size=(3, 2))
ROWS = [7, 3, 5, 1]
FRAME = pd.DataFrame(RNG.normal(size=(4, 3)), index=ROWS, columns=COLUMNS)


@pytest.fixture
def net():
    with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        x = v1.placeholder(tf.float32, (None, 3), 'x')
        with DeepExplain(session) as de:
            yield de, x, tf.nn.tanh(x @ W.astype('f4'))


def same(a, b):
    np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


def test_as_the_array(net):
    de, x, T = net
    explainer = de.get_explainer('deeplift', T, x)
    want = explainer.run(FRAME.to_numpy(), [0, 1, 1, 0])
    for ys in ([0, 1, 1, 0], pd.Series([0, 1, 1, 0], index=ROWS),
               pd.Series([0, 1, 1, 0], ROWS, dtype='Int64'),
               pd.Series(list('abba'), ROWS).astype('category').cat.codes):
        for xs in (FRAME, FRAME.astype('float32'), FRAME.astype({'age': 'Float64'})):
            found = explainer.run(xs, ys)
            assert isinstance(found, np.ndarray)
            same(found, want)
    same(explainer.run(FRAME.to_numpy(), pd.Series([0, 1, 1, 0], ROWS)), want)      # an array has no index
    same(explainer.run(FRAME, np.eye(2)[[0, 1, 1, 0]]), want)
    one = de.get_explainer('deeplift', T[:, 0], x)
    weights = pd.Series([1., 2., 0., -1.], ROWS)
    same(one.run(FRAME, weights), one.run(FRAME.to_numpy(), weights.to_numpy()))
    for got in (np.concatenate(list(explainer.stream(FRAME, 1))),
                np.concatenate(list(explainer.stream(FRAME.iloc[k:k + 2] for k in (0, 2)))),
                np.concatenate(list(explainer.stream([(FRAME, pd.Series([0, 1, 1, 0], ROWS))])))):
        assert got.shape == (4, 3)


def test_numbers_of_every_kind(net):
    de, x, T = net
    mixed = pd.DataFrame({'a': [1, 2], 'b': [True, False], 'c': pd.array([3, 4], dtype='Int64')})
    same(de.explain('grad*input', T, x, mixed), de.explain('grad*input', T, x, mixed.to_numpy(float)))
    sparse = FRAME.astype(pd.SparseDtype(float, 0.))
    same(de.explain('saliency', T, x, sparse), de.explain('saliency', T, x, FRAME.to_numpy()))
    for change, kind, said in [
            ({'age': list('abcd')}, errors.ShapeError, r"not numbers: 'age' \((object|str)\)\. Encode them"),
            ({'age': pd.Timestamp('2026-01-01'), 'dist': pd.Categorical([1, 2, 3, 4])}, errors.ShapeError,
             r"'age' \(datetime64.*\), 'dist' \(category\)"),
            ({'age': np.array([1, 2, None, 'x'], object)}, errors.ShapeError, 'not numbers: .age. .object.'),
            ({'age': [1, 2, np.nan, 4]}, errors.ValueRangeError,
             "NaN or infinite values in the columns 'age'. Fill"),
            ({'age': pd.array([1, None, 2, 3], dtype='Int64')}, errors.ValueRangeError, "columns 'age'"),
            ({'more': 1.}, errors.ShapeError,
             r"shape \(4, 4\), but X .* takes \(\?, 3\).*xs has \['rooms', .*'more'"),
            ({'age': 1j}, errors.ShapeError, 'complex')]:
        with pytest.raises(kind, match=said):
            de.explain('saliency', T, x, FRAME.assign(**change))
    with pytest.raises(errors.ShapeError, match='empty batch'):
        de.explain('saliency', T, x, FRAME.iloc[:0])


def test_columns_are_remembered(net):
    de, x, T = net
    explainer = de.get_explainer('saliency', T, x)
    explainer.run(RNG.normal(size=(2, 3)))                  # arrays have no names
    explainer.run(FRAME)
    explainer.run(FRAME.iloc[::-1])
    explainer.run(FRAME.to_numpy()[:, ::-1])
    for other, said in [(FRAME[['age', 'rooms', 'dist']],
                         "'rooms' was column 0 and is column 1; 'age' was column 1"),
                        (FRAME.rename(columns={'age': 'Age'}), "new: 'Age'; missing: 'age'"),
                        (FRAME.set_axis(['rooms', 'age', 'age'], axis=1), "missing: 'dist'")]:
        for call in (explainer.run, explainer.explanation,
                     lambda xs: list(explainer.stream([xs])),
                     lambda xs: de.explain('saliency', T, x, xs),
                     lambda xs: de.explain('saliency', T * [2., 1.], x, xs)):
            with pytest.raises(errors.ShapeError, match=said + '.* Give xs.columns. with the columns of'):
                call(other)
    same(explainer.run(FRAME[['dist', 'age', 'rooms']][COLUMNS]), explainer.run(FRAME))
    de.explain('intgrad', T, x, FRAME[['age', 'rooms', 'dist']])    # another explainer


def test_rows_in_their_order(net):
    de, x, T = net
    for ys, said in [(pd.Series([0, 1, 1, 0]),
                      r'ys has another index .*row 0 is 0, and in xs 7.*ys.loc\[xs.index\]'),
                     (pd.Series([0, 1, 1, 0], sorted(ROWS)), 'another index'),
                     (pd.Series([0, 1, 1], ROWS[:3]), 'ys has 3 rows, and the DataFrame in xs 4'),
                     (pd.Series(list('abba'), ROWS), 'ys is a Series of dtype .*as ys.cat.codes'),
                     (pd.Series([0, 1, 1, 0], ROWS).astype('category'), 'Series of dtype category'),
                     (pd.DataFrame({'a': [0, 1, 1, 0]}, ROWS), 'got DataFrame. Give .to_numpy')]:
        with pytest.raises(errors.ShapeError, match=said):
            de.explain('saliency', T, x, FRAME, ys)
    with pytest.raises(errors.ValueRangeError, match='NaN'):
        de.explain('saliency', T, x, FRAME, pd.Series([0, None, 1, 0], ROWS, dtype='Int64'))
    other = v1.placeholder(tf.float32, (None, 2), 'other')
    both = T + other
    more = pd.DataFrame(RNG.normal(size=(4, 2)), ROWS)
    a = de.explain('grad*input', both, [x, other], [FRAME, more])
    b = de.explain('grad*input', both, [x, other], [FRAME.to_numpy(), more.to_numpy()])
    for found, want in zip(a, b):
        same(found, want)
    with pytest.raises(errors.ShapeError, match='xs for X "other:0" has another index than the Data'):
        de.explain('grad*input', both, [x, other], [FRAME, more.iloc[::-1]])


def test_explanation(net, tmp_path):
    de, x, T = net
    made = de.explanation('deeplift', T, x, FRAME, pd.Series([0, 1, 1, 0], ROWS))
    assert made.feature_names == [COLUMNS] and list(made.index) == ROWS
    made.save(tmp_path / 'a')
    frame = type(made).load(tmp_path / 'a').to_frame()
    assert list(frame.columns) == COLUMNS and list(frame.index) == ROWS
    same(frame.loc[5].to_numpy(), made.values[2])
    assert 'rooms' in made._repr_html_()
    named = FRAME.set_axis(list('wxyz'))
    assert list(de.explanation('deeplift', T, x, named).to_frame().index) == list('wxyz')


def test_chunks_of_a_file(net, tmp_path):
    de, x, T = net
    FRAME.to_csv(tmp_path / 'a.csv', index=False)
    explainer = de.get_explainer('saliency', T, x)
    with pd.read_csv(tmp_path / 'a.csv', chunksize=3) as chunks:
        found = list(explainer.stream(chunks))
    assert [len(a) for a in found] == [3, 1]
    same(np.concatenate(found), explainer.run(FRAME))


def test_token_ids(net):
    de, *_ = net
    ids = v1.placeholder(tf.int32, (None, 3), 'ids')
    T = tf.reduce_sum(tf.nn.tanh(tf.nn.embedding_lookup(RNG.normal(size=(9, 2)), ids)), 2)
    tokens = pd.DataFrame(RNG.integers(0, 9, (4, 3)), columns=['first', 'second', 'third'])
    made = de.explanation('grad*input', T, ids, tokens, sum_embedding=True)
    assert made.feature_names == [['first', 'second', 'third']]
    same(made.values, de.explain('grad*input', T, ids, tokens.to_numpy(), sum_embedding=True))
    assert de.explanation('grad*input', T, ids, tokens).feature_names is None        # (4, 3, 2)
