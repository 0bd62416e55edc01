"""The examples in docstrings run, and public objects have docstrings with sections."""

import doctest
import inspect
import re
from types import FunctionType

import numpy as np
import pytest
import tensorflow as tf

import deepexplain2
from deepexplain2 import DeepExplain, attribution, plots, postprocess, targets, testing
from deepexplain2.parameters import kinds

v1 = tf.compat.v1
PLACES = [deepexplain2, attribution, plots, postprocess, targets, testing]
PUBLIC = {f'{o.__module__}.{o.__qualname__}': o for place in PLACES for name, o in vars(place).items()
          if not name.startswith('_') and (inspect.isclass(o) or inspect.isfunction(o))
          and o.__module__.startswith('deepexplain2')}


def members(o):
    """An object and its public methods and properties, by name."""
    yield o.__qualname__, o
    for name, member in vars(o).items() if inspect.isclass(o) else ():
        if not name.startswith('_') and isinstance(member, (classmethod, staticmethod, property,
                                                            FunctionType)):
            yield f'{o.__qualname__}.{name}', getattr(o, name)


@pytest.fixture
def names():
    """What examples may use: a session and its context, T, X, xs, and everything public."""
    graph = tf.Graph()
    with graph.as_default(), v1.Session(graph=graph) as session:
        X = v1.placeholder(tf.float32, (None, 3), 'x')
        T = tf.nn.relu(X @ tf.constant([[1., -2.], [.5, 1.], [2., 0.]]))
        with DeepExplain(session) as de:
            yield {**{o.__name__: o for o in PUBLIC.values()}, **vars(deepexplain2), 'de': de, 'T': T, 'X': X,
                   'session': session, 'labels': [0, 1], 'np': np, 'tf': tf,
                   'xs': np.array([[1., 2., 3.], [-1., 1., .5]], np.float32)}


@pytest.mark.parametrize('where', PUBLIC)
def test_examples(where, names):
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    said = []
    for name, o in members(PUBLIC[where]):
        for test in doctest.DocTestFinder(recurse=False).find(o, name, globs=dict(names)):
            runner.run(test, out=said.append)
    assert runner.failures == 0, ''.join(said)


@pytest.mark.parametrize('where', PUBLIC)
def test_public_objects_are_documented(where):
    for name, o in members(PUBLIC[where]):
        doc = inspect.getdoc(o)                 # what overrides a method has its docstring
        assert doc, f'{name} has no docstring'
        assert len(
            doc.split('\n\n')[0].splitlines()) <= 2, f'{name}: the summary is longer than two lines'


BOTH = [(table, name) for table in ('methods', 'metrics') for name in getattr(deepexplain2, table)]


@pytest.mark.parametrize('table, name', BOTH)
def test_methods_and_metrics_have_sections_and_examples(table, name):
    doc = inspect.getdoc(getattr(deepexplain2, table)[name])
    for section in 'Notes', 'References', 'Examples':
        assert f'\n{section}\n{"-" * len(section)}\n' in doc, f'{name} has no section {section}'
    assert '>>> ' in doc and 'Cost:' in doc


@pytest.mark.parametrize('table, name', BOTH)
def test_methods_and_metrics_document_what_is_checked(table, name):
    """The choices of every parameter, out of the table that checks them."""
    cls = getattr(deepexplain2, table)[name]
    doc = inspect.getdoc(cls)
    for parameter, (kind, _) in kinds(cls).items():
        assert re.search(rf'^{parameter} : ', doc, re.M), f'{name} does not document {parameter}'
        if kind is not None and kind.label.startswith('one of '):
            missing = [c for c in kind.label.removeprefix('one of ').split(', ') if c not in doc]
            assert not missing, f'{name} does not document the choices {missing} of {parameter}'


@pytest.mark.parametrize('table, name', BOTH)
def test_help_shows_the_parameters_and_their_defaults(table, name):
    cls = getattr(deepexplain2, table)[name]
    shown = inspect.signature(cls).parameters
    assert list(shown) == list(kinds(cls))
    needed = {k: object() for k, p in shown.items() if p.default is p.empty}
    assert set(needed) <= {'of', 'layer', 'masks', 'other', 'train'}
    if not needed:
        assert cls() == cls(**{k: p.default for k, p in shown.items()})
