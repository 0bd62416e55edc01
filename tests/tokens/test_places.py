"""The places that ids move to: found right, or refused, whatever the model computes from ids."""

from types import SimpleNamespace

import numpy as np
import pytest

from deepexplain2.errors import PathError
from deepexplain2.tokens.places import places_of

KNOWN = 7
ONE_ID = {
    'reversed': lambda i: i[:, ::-1],
    'moved and masked': lambda i: np.roll(np.where(i > 4, 1, i), 1, 1),
    'in another order in every row': lambda i: np.take_along_axis(
        i, (np.arange(i.shape[1]) + np.arange(len(i))[:, None]) % i.shape[1], 1),
}
SEVERAL_IDS = {
    'the neighbour in place of padding': lambda i: np.where(i > 0, i, np.roll(i, 1, 1)),
    'the larger of two': lambda i: np.maximum(i, np.roll(i, 1, 1)),
    'nothing behind a first id of 1': lambda i: np.where(np.arange(i.shape[1]) == 0, i,
                                                         np.where(i[:, :1] == 1, 0, i)),
    'repeated ids once': lambda i: np.where(i == np.roll(i, 1, 1), 0, i),
    'padding to the end': lambda i: np.stack([np.concatenate([r[r > 0], r[r == 0]]) for r in i]),
}


def found(index, rng):
    """(ids, baseline, places) of a few rows; places None where they are refused."""
    n, count = int(rng.integers(1, 4)), int(rng.integers(2, 6))
    ids, baseline = rng.integers(0, KNOWN, (2, n, count))
    look = SimpleNamespace(is_in_order=False, widths=1, size=KNOWN, point=SimpleNamespace(name='lookup'))
    try:
        place, = places_of([look], [np.zeros((n, count, 1))], ids, lambda i: [index(i)], baseline)
    except PathError:
        place = None
    return ids, baseline, place


def check(index, ids, baseline, place):
    """Any ids switched off are what is claimed: their places read what they read at the baseline."""
    place = np.broadcast_to(place, ids.shape)
    for number in range(2 ** ids.shape[1]):
        off = np.array([number >> k & 1 for k in range(ids.shape[1])], bool)
        claimed = np.where((place >= 0) & off[np.maximum(place, 0)], index(baseline), index(ids))
        np.testing.assert_array_equal(index(np.where(off, baseline, ids)), claimed)


@pytest.mark.parametrize('name', ONE_ID)
def test_places_of_single_ids(name):
    rng = np.random.default_rng(0)
    for _ in range(40):
        ids, baseline, place = found(ONE_ID[name], rng)
        assert place is not None
        check(ONE_ID[name], ids, baseline, place)


@pytest.mark.parametrize('name', SEVERAL_IDS)
def test_places_of_several_ids_are_refused_unless_they_follow_one_here(name):
    rng, refused = np.random.default_rng(0), 0
    for _ in range(200):
        ids, baseline, place = found(SEVERAL_IDS[name], rng)
        if place is None:
            refused += 1
        else:
            check(SEVERAL_IDS[name], ids, baseline, place)
    assert refused > 100
