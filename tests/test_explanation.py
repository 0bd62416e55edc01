"""Explanation: rows, files that come back equal to the bit, tables; whatever the names are."""

import copy
import io
import json
import pickle
import zipfile

import ml_dtypes
import numpy as np
import pytest

from deepexplain2 import errors
from deepexplain2.explanation import VERSION, Explanation

RNG = np.random.default_rng(0)
HOSTILE = ['<script>alert("x")</script>', "it's", 'a"b', 'naïve 日本', 'new\nline', '', 'nul\0', '\ud800',
           '&amp;', 'x' * 500, '../../etc', 3]


def table(n=7, dtype=np.float32, **fields):
    values = RNG.normal(size=(n, 3)).astype(dtype)
    return Explanation(values, RNG.normal(size=(n, 3)), **fields)


def several():
    values = [RNG.normal(size=(4, 3)).astype('f4'), RNG.normal(size=(4, 2, 5)).astype(ml_dtypes.bfloat16)]
    return Explanation(values, [np.asfortranarray(RNG.normal(size=(4, 3))), RNG.integers(0, 9, (4, 2, 5))],
                       fx=RNG.normal(size=4), f_baseline=np.array([np.nan, np.inf, -0., 1e-300]),
                       std_error=[np.abs(v) for v in values], ys=np.arange(4), target='logits:0',
                       method='IntegratedGradients(steps=50)', input_names=('a', HOSTILE[0]),
                       parameters={'steps': 50, 'baseline': [np.zeros(3, ml_dtypes.bfloat16), None],
                                   'seed': 2 ** 70, 'tolerance': .1, 'huge': np.inf, 'axes': (1, (2, 'x')),
                                   'masks': 'keep', 'scalar': np.float16(.1), 'low': ml_dtypes.bfloat16(1.5),
                                   'average': True,
                                   'nested': {3: [np.arange(3)], 'file': np.array(['é', 'b'])}},
                       feature_names=[['u', 'v', '<b>'], None],
                       index=np.array(['2026-01-01', 'NaT', '1', '2'], 'M8[s]'))


def same(a, b):
    """Equal to the bit, and of the same types."""
    assert type(a) is type(b), (a, b)
    if isinstance(a, (np.ndarray, np.generic)):
        assert a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    elif isinstance(a, dict):
        same(list(a), list(b))
        same(list(a.values()), list(b.values()))
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b):
            same(x, y)
    else:
        assert a == b


@pytest.mark.parametrize('make', [
    several, table, lambda: table(1, np.float16), lambda: table(2, ml_dtypes.bfloat16),
    lambda: table(feature_names=[HOSTILE[:3]], target=HOSTILE[7], method=HOSTILE[0],
                  parameters=dict.fromkeys(HOSTILE, HOSTILE)),
    lambda: table(delta=np.zeros(7), index=np.arange(7)[::-1])])
@pytest.mark.parametrize('name', ['a.npz', 'no suffix', 'other.txt', 'ünïcode.npz'])
def test_saved_and_loaded(make, name, tmp_path):
    before = make()
    before.save(tmp_path / name)
    assert [p.name for p in tmp_path.iterdir()] == [name]          # exactly that, and nothing beside it
    after = Explanation.load(str(tmp_path / name))
    same(vars(before), vars(after))
    with np.load(tmp_path / name) as file:          # as an array for everybody else
        assert any(entry.startswith('values') for entry in file.files)


def test_functions_are_saved_as_what_they_are_called(tmp_path):
    before = table(parameters={'baseline': np.median, 'objects': np.array([object(), None])})
    before.save(tmp_path / 'a')
    after = Explanation.load(tmp_path / 'a').parameters
    assert 'median' in after['baseline'] and 'object' in after['objects']


def test_saving_replaces_a_file_only_once_the_new_one_is_whole(tmp_path, monkeypatch):
    before = table()
    before.save(tmp_path / 'a')
    monkeypatch.setattr(np, 'savez', lambda file, **arrays: file.write(b'half') and 1 / 0)
    with pytest.raises(ZeroDivisionError):
        table().save(tmp_path / 'a')
    assert [p.name for p in tmp_path.iterdir()] == ['a']
    same(vars(before), vars(Explanation.load(tmp_path / 'a')))


def rewritten(path, change):
    """The saved file with its JSON changed."""
    with np.load(path) as file:
        entries = dict(file)
    meta = json.loads(entries.pop('deepexplain2').tobytes())
    change(meta)
    with open(path, 'wb') as file:
        np.savez(file, deepexplain2=np.frombuffer(json.dumps(meta).encode(), np.uint8), **entries)


@pytest.mark.parametrize('change, said', [
    (lambda m: m.update(version=VERSION + 6), f'its format has version {VERSION + 6}, and this '),
    (lambda m: m.update(kind='a Concept'), 'it holds a Concept'),
    (lambda m: m.pop('content'), 'damaged, or of another program'),
    (lambda m: m['content'].update(surprise=1), 'holds no whole Explanation'),
    (lambda m: m['content'].pop('values'), 'holds no whole Explanation'),
    (lambda m: m['content'].update(xs=None, values=None), 'holds no whole Explanation'),
    (lambda m: m['content'].update(values={'array': 'nothing'}), 'damaged'),
    (lambda m: m['content']['values'].update(dtype='finfo'), 'damaged'),
    (lambda m: m['content'].update(fx={'float': '__import__("os")'}), 'damaged')])
def test_files_that_were_changed(change, said, tmp_path):
    table().save(tmp_path / 'a')
    rewritten(tmp_path / 'a', change)
    with pytest.raises(errors.FileError, match=said):
        Explanation.load(tmp_path / 'a')


def test_files_of_others(tmp_path):
    path = tmp_path / 'a.npz'
    whole = io.BytesIO()
    table().save(path)
    saved = path.read_bytes()
    np.savez(whole, values=np.zeros((3, 2)))
    one = io.BytesIO()
    np.save(one, np.zeros(3))
    objects = io.BytesIO()
    np.savez(objects, deepexplain2=np.array([object()], object))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, 'w') as file:
        file.writestr('hello.txt', 'hello')
    for content in (whole.getvalue(), one.getvalue(), objects.getvalue(), archive.getvalue(), b'', b'no',
                    b'PK\3\4', saved[:len(saved) // 2], saved[:200] + b'\xff' * 50 + saved[250:],
                    pickle.dumps({'a': 1})):
        path.write_bytes(content)
        with pytest.raises(errors.FileError, match='cannot be read as an Explanation of deepexplain2: '):
            Explanation.load(path)
    with pytest.raises(FileNotFoundError):
        Explanation.load(tmp_path / 'nothing')
    with pytest.raises(IsADirectoryError):
        Explanation.load(tmp_path)


def test_rows():
    e = several()
    assert len(e) == 4 and [len(row) for row in e] == [1] * 4
    for rows, want in [(2, [2]), (-1, [3]), (np.int64(0), [0]), (slice(1, None), [1, 2, 3]),
                       (slice(None, None, -1), [3, 2, 1, 0]), ([0, 3], [0, 3]), ((3, 3), [3, 3]),
                       (np.array([False, True, False, True]), [1, 3])]:
        some = e[rows]
        same(some.values, [v[want] for v in e.values])
        same(some.std_error, [v[want] for v in e.std_error])
        same(some.xs[1], e.xs[1][want])
        for name in ('fx', 'f_baseline', 'ys', 'index'):
            same(getattr(some, name), getattr(e, name)[want])
        assert some.delta is None
        assert some.parameters is e.parameters and some.feature_names is e.feature_names
    for rows in (4, -5, 'a', True, 1.5, [1.5], (slice(1), 0), None, [[0]]):
        with pytest.raises(IndexError):
            e[rows]
    for rows in (slice(2, 2), np.zeros(4, bool)):
        with pytest.raises(errors.ShapeError, match='at least one row'):
            e[rows]
    same(e.sums, np.array([sum(v[k].astype(float).sum() for v in e.values) for k in range(4)]))


@pytest.mark.parametrize('fields, said', [
    (dict(values=np.zeros((0, 3)), xs=np.zeros((0, 3))), 'at least one row'),
    (dict(values=[], xs=[]), 'at least one row'),
    (dict(values=np.float64(1)), 'must be NumPy arrays, not float64'),
    (dict(values=np.array(1.)), 'values of an Explanation has shape'),
    (dict(values=[np.zeros((2, 3))]), 'xs of an Explanation must be a list'),
    (dict(values=[np.zeros((2, 3))] * 2, xs=[np.zeros((2, 3))]), 'xs of an .* holds 1 arrays, and values 2'),
    (dict(values=[np.zeros((2, 3)), np.zeros((3, 3))], xs=[np.zeros((2, 3))] * 2), 'values .* has shape'),
    (dict(xs=None), 'must be NumPy arrays, not NoneType'),
    (dict(xs=[np.zeros((2, 3))]), 'xs of an Explanation must be an array'),
    (dict(xs=np.zeros((3, 3))), r'xs of an Explanation has shape \(3, 3\), and values 2 rows'),
    (dict(fx=np.zeros(3)), 'fx of an Explanation has shape'),
    (dict(fx=np.array(1.)), 'fx of an Explanation has shape'),
    (dict(fx=[1, 2]), 'must be NumPy arrays, not list'),
    (dict(std_error=np.zeros((1, 3))), 'std_error of an Explanation has shape'),
    (dict(input_names=()), 'input_names'),
    (dict(feature_names=[['a', 'b']]), '2 names for an input whose rows have 3'),
    (dict(feature_names=[]), 'feature_names'),
    (dict(index=np.arange(1)), 'index of an Explanation has shape')])
def test_fields_fit(fields, said):
    with pytest.raises(errors.ShapeError, match=said):
        Explanation(**{'values': np.zeros((2, 3)), 'xs': np.zeros((2, 3))} | fields)


def test_shown():
    for e in (several(), table(target=HOSTILE[4] * 9, method='x' * 900, input_names=[HOSTILE[0]])):
        text = repr(e)
        assert '\n' not in text and len(text) < 250 and f'{len(e)} rows' in text
    e = Explanation(np.array([[.1, -3., np.nan, 2., 0, 0, 0]] * 6), np.zeros((6, 7)), target='a<b',
                    method='M(a="&")', input_names=['<i>'], fx=np.arange(6.),
                    feature_names=[[*HOSTILE[:3], '<b>bold</b>', 4, 5, 6]],
                    f_baseline=np.zeros(6), delta=np.full(6, 1e-7), index=np.array(['<tr>'] * 6))
    html = e._repr_html_()
    for bad in ('<script', '<b>', '<i>', 'a<b', '"&"', '<tr><tr>'):
        assert bad not in html, bad
    first, second = html.index('it&#x27;s -3'), html.index('&lt;b&gt;bold&lt;/b&gt; 2')
    assert first < second < html.index('&lt;script')             # by magnitude
    assert html.count('<tr>') == 7 and 'and 1 more rows' in html and '1e-07' in html and '>nan<' in html
    assert '&lt;script' in several()._repr_html_() and 'more rows' not in several()._repr_html_()
    large = Explanation(np.ones((5, 224, 224, 3)), np.ones((5, 224, 224, 3)))
    assert '0, 0, 2 1' in large._repr_html_()


def test_copied():
    e = several()
    for other in (copy.copy(e), copy.deepcopy(e), pickle.loads(pickle.dumps(e))):
        same(vars(other), vars(e))


def test_as_a_frame():
    pandas = pytest.importorskip('pandas')
    e = table(feature_names=[['b', 'a', ('c', 1)]], index=np.array([5, 3, 1, 0, 2, 4, 6]))
    frame = e.to_frame()
    assert list(frame.columns) == ['b', 'a', ('c', 1)] and list(frame.index) == [5, 3, 1, 0, 2, 4, 6]
    np.testing.assert_array_equal(frame.to_numpy(), e.values)
    assert list(table().to_frame().columns) == [0, 1, 2]
    e = several()
    frame = e.to_frame()
    assert frame.shape == (4, 13) and frame.columns.names == ['input', 'feature']
    np.testing.assert_array_equal(frame[('a', 'v')].to_numpy(), e.values[0][:, 1])
    np.testing.assert_array_equal(frame[(HOSTILE[0], '1, 4')].to_numpy(), e.values[1][:, 1, 4].astype('f4'))
    assert isinstance(frame.index, pandas.DatetimeIndex)


def test_a_frame_without_pandas(monkeypatch):
    import sys
    monkeypatch.setitem(sys.modules, 'pandas', None)
    with pytest.raises(errors.MissingPackageError, match=r'to_frame needs pandas.*pip install pandas'):
        table().to_frame()
    assert issubclass(errors.MissingPackageError, ImportError)


def test_names_are_short_where_there_is_little_room():
    from deepexplain2.names import short_method, short_name
    assert [short_name(n) for n in ('m/logits/BiasAdd:0', 'x:0', 'scope/x:0', 'a/b/Relu_3:0', 'price',
                                    'b - a: 2')] \
        == ['logits', 'x', 'x', 'b', 'price', 'b - a: 2']
    assert short_method('DeepLift()') == 'DeepLift'
    assert short_method("GradCAM(layer='m/conv/Relu:0')") == "GradCAM(layer='conv')"
    assert short_method(f'DeepLift(baseline={list(range(99))})') == 'DeepLift(...)'
