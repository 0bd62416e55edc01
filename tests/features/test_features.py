"""Features of one and of several inputs, each beside its definition: a list of the entries it holds."""

import itertools

import numpy as np
import pytest

from deepexplain2.errors import ParameterError
from deepexplain2.features.axes import AxesOfInput
from deepexplain2.features.base import join
from deepexplain2.features.grid import grid
from deepexplain2.features.segments import SegmentsOfInputs
from deepexplain2.features.windows import WindowsOfInput

RNG = np.random.default_rng(0)
N = 5


def in_windows(shape, window, step):
    found = []
    for at in itertools.product(*(range(0, s - w + 1, t) for s, w, t in zip(shape, window, step))):
        found.append(np.zeros(shape, bool))
        found[-1][tuple(slice(a, a + w) for a, w in zip(at, window))] = True
    return np.array(found)


def in_axes(shape, axes):
    where = np.indices(shape)
    places = itertools.product(*(range(shape[a - 1]) for a in axes))
    return np.array([np.all([where[a - 1] == p for a, p in zip(axes, place)], 0) for place in places])


def in_labels(labels, count):
    return np.array([labels == k for k in range(count)])


def beside(members, others, shapes):
    """(features, inputs) of masks, for features of one input among several."""
    return [[m if k == i else np.zeros(s, bool) for k, s in enumerate(shapes)] for i, part in members
            for m in part] + others


PATCHES = RNG.integers(-1, 3, (4, 3))
PER_ROW = RNG.integers(-1, 4, (N, 6))
PER_ROW[:, 0] = 3
OVER_BOTH = [np.array([0, 0, 1, -1]), np.array([[1, 2], [2, 3]])]

# name -> (features, shapes of rows, members[row][feature][input]: masks of entries)
CASES = {
    'entries': (AxesOfInput((3, 2)), [(3, 2)], [[m] for m in in_axes((3, 2), (1, 2))]),
    'axes kept together': (AxesOfInput((3, 2, 4), [1, 3]), [(3, 2, 4)],
                           [[m] for m in in_axes((3, 2, 4), (1, 3))]),
    'windows': (WindowsOfInput((5, 4), (3, 2), (1, 2)), [(5, 4)],
                [[m] for m in in_windows((5, 4), (3, 2), (1, 2))]),
    'windows with gaps': (WindowsOfInput((5,), (2,), (3,)), [(5,)],
                          [[m] for m in in_windows((5,), (2,), (3,))]),
    'segments': (SegmentsOfInputs([PATCHES], [(4, 3)]), [(4, 3)], [[m] for m in in_labels(PATCHES, 3)]),
    'a grid': (SegmentsOfInputs([grid((5, 4, 2), (2, 4, 1))], [(5, 4, 2)]), [(5, 4, 2)],
               [[m] for m in in_labels(grid((5, 4, 2), (2, 4, 1)) * np.ones((5, 4, 2), int), 8)]),
    'segments of each row': (SegmentsOfInputs([PER_ROW], [(6,)]), [(6,)],
                             [[[m] for m in in_labels(row, 4)] for row in PER_ROW]),
    'segments over two inputs': (SegmentsOfInputs(OVER_BOTH, [(4,), (2, 2)]), [(4,), (2, 2)],
                                 [[a, b] for a, b in zip(*(in_labels(o, 4) for o in OVER_BOTH))]),
    'windows and axes': (join([WindowsOfInput((4,), (2,), (1,)), AxesOfInput((2, 3), [2])]), [(4,), (2, 3)],
                         beside([(0, in_windows((4,), (2,), (1,))), (1, in_axes((2, 3), (2,)))], [],
                                [(4,), (2, 3)])),
}


@pytest.fixture(params=CASES)
def case(request):
    features, shapes, members = CASES[request.param]
    if request.param == 'segments of each row':
        return features, shapes, members
    return features, shapes, [members] * N


def inputs(shapes, keep=.6):
    """(xs, baselines, where they differ)."""
    xs = [RNG.normal(size=(N, *s)) for s in shapes]
    baselines = [RNG.normal(size=(N, *s)) for s in shapes]
    xs = [np.where(RNG.random(x.shape) < keep, x, b) for x, b in zip(xs, baselines)]
    return xs, baselines, [x != b for x, b in zip(xs, baselines)]


def absent(x, b, members, present):
    """A row of x without the features that are not present, entry by entry."""
    result = [v.copy() for v in x]
    for member, p in zip(members, present):
        for r, m, value in zip(result, member, b):
            if not p:
                r[m] = value[m]
    return result


def test_what_is_counted(case):
    features, shapes, members = case
    assert features.count == len(members[0])
    sizes = np.broadcast_to(features.sizes, (N, features.count))
    np.testing.assert_array_equal(sizes, [[sum(m.sum() for m in f) for f in row] for row in members])
    most = max(sum((~np.any([f[i] for f in row], 0)).sum() for i in range(len(shapes))) for row in members)
    assert features.uncovered == most


@pytest.mark.parametrize('keep', [0, .2, .6, 1])
def test_changed(case, keep):
    features, shapes, members = case
    for _ in range(5):
        _, _, differs = inputs(shapes, keep)
        expected = [[any((d[r] & m).any() for d, m in zip(differs, f)) for f in members[r]] for r in range(N)]
        np.testing.assert_array_equal(features.changed(differs), expected)
        some = slice(1, 4)
        got = features.among(some).changed([d[some] for d in differs])
        np.testing.assert_array_equal(got, expected[some])


@pytest.mark.parametrize('shared', [False, True])
def test_mix_and_without(case, shared):
    features, shapes, members = case
    xs, baselines, _ = inputs(shapes)
    if shared:
        baselines = [b[:1] for b in baselines]
    of = [np.broadcast_to(b, x.shape) for b, x in zip(baselines, xs)]
    for rows in [0, 1, 1, 3, 4, 4, 4], [2, 2]:
        rows = np.array(rows)
        present = RNG.random((len(rows), features.count)) < .7
        got = features.mix(xs, baselines, rows, present)
        ks = RNG.integers(0, features.count + 1, len(rows))
        ks[-1] = features.count
        one = features.without(xs, baselines, rows, ks)
        for i, row in enumerate(rows):
            x, b = [v[row] for v in xs], [v[row] for v in of]
            for g, e in zip(got, absent(x, b, members[row], present[i])):
                np.testing.assert_array_equal(g[i], e)
            for g, e in zip(one, absent(x, b, members[row], np.arange(features.count) != ks[i])):
                np.testing.assert_array_equal(g[i], e)


@pytest.mark.parametrize('keep', [0, .2, 1])
def test_first_alike(case, keep):
    features, shapes, members = case
    for _ in range(5):
        xs, baselines, differs = inputs(shapes, keep)
        got = features.first_alike(differs)
        for r in range(N):
            x, b = [v[r] for v in xs], [v[r] for v in baselines]
            seen = [b''.join(v.tobytes() for v in absent(x, b, members[r], np.arange(features.count) != k))
                    for k in range(features.count + 1)]
            expected = [features.count if s == seen[-1] else seen.index(s) for s in seen[:-1]]
            np.testing.assert_array_equal(got[r], expected)


def test_spread(case):
    features, shapes, members = case
    values = RNG.normal(size=(N, features.count))
    got = features.spread(values)
    if isinstance(features, AxesOfInput):
        np.testing.assert_array_equal(got[0], values.reshape(got[0].shape))
        assert got[0].shape[1:] == features.shapes[0]
        return
    for i, result in enumerate(got):
        for r in range(N):
            if result[r].shape != shapes[i]:                                # of axes
                continue
            holds = np.array([f[i] for f in members[r]])
            number = holds.sum(0)
            total = np.tensordot(values[r], holds, 1)
            expected = np.where(number > 0, total / np.maximum(number, 1), np.nan)
            np.testing.assert_allclose(result[r], expected, rtol=1e-12)


def test_a_grid_is_even():
    labels = grid((28, 28, 1), (7, 7, 1))
    assert labels.shape == (28, 28, 1) and set(np.bincount(labels.ravel())) == {16}
    sizes = np.bincount(grid((10,), (4,)))
    assert sizes.min() >= 2 and sizes.max() <= 3 and len(sizes) == 4


@pytest.mark.parametrize('message, make', [
    (r'a grid of \(9,\) cells does not fit a row of shape \(5,\)', lambda: grid((5,), (9,))),
    ('labels of segments have dtype float64', lambda: SegmentsOfInputs([np.zeros(3)], [(3,)])),
    (r'labels of segments have shape \(4,\), but a row has shape \(3,\)',
     lambda: SegmentsOfInputs([np.zeros(4, int)], [(3,)])),
    ('segments have 1 arrays of labels, but X has 2 tensors', lambda: SegmentsOfInputs([[0]], [(1,), (1,)])),
    (r'window_shape \(6,\) is larger than the features of X\[1\]',
     lambda: WindowsOfInput((5,), (6,), 1, 'X[1]'))])
def test_what_does_not_fit(message, make):
    with pytest.raises(ParameterError, match=message):
        make()
