"""Rulebooks by what their conditions reach: what may have changed in between is not the same."""

import functools
import re
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2.graph.predicates import where
from deepexplain2.graph.rulebook import Entry, Rulebook

KIND = 'MatMul'


def key(condition):
    return Rulebook((Entry('', where(condition), abs),)).key


class Chosen:
    def __init__(self, kind):
        self.kind = kind

    def __call__(self, place):
        return place.type == self.kind


def on(condition, value):
    """The key while the global name has a value."""
    global KIND
    KIND = value
    return key(condition)


@pytest.mark.parametrize('one, other', [
    ("MatMul", "Conv2D"), (None, "Conv2D"), (np.int64(1), np.int64(2)), ({"a"}, {"b"}),
    (re.compile("a"), re.compile("b")),
    (functools.partial(max, 1), functools.partial(max, 2)), ([1], [2])], ids=lambda v: type(v).__name__)
def test_global_names_that_stand_for_something_else(one, other):
    def condition(place):
        return KIND
    assert on(condition, one) == on(condition, one) != on(condition, other)


def test_objects_with_attributes_are_never_the_same():
    chosen = Chosen('MatMul')
    for condition in chosen, chosen.__call__, lambda place: chosen(place):
        assert key(condition) != key(condition)

    def attribute(place):
        return KIND.a
    assert on(attribute, SimpleNamespace(a=1)) != on(attribute, SimpleNamespace(a=2))
    with tf.Graph().as_default():
        tensor = tf.constant(1.)        # does not compare
    unchanging = [lambda place: tensor, lambda place: place.type == 'MatMul',
                  lambda place: np.any(place.varying)]
    assert all(key(condition) == key(condition) for condition in unchanging)
