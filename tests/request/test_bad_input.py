"""Malformed calls: each is a DeepExplainError that says what was given and what to do, before anything is run or added to the graph."""

import re

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from tests.support.bad_calls import table
from tests.support.more_bad_calls import EAGER, MORE, THREE
from tests.support.networks import v1
from tests.support.spied import IDS, X4, Spied

SPEC = tf.TensorSpec((None, 3), tf.float32)
INTERNALS = re.compile(r'\{\{node|Traceback|tensorflow/python|_op_def_library|FailedPrecondition|InvalidArgument')


@pytest.fixture(scope='module')
def shared():
    return Spied()


@pytest.fixture
def spied(shared):
    """Inside of its context, whose graph is the default graph."""
    with shared.de:
        yield shared


ROWS_OF_TENSORS = [tf.constant(row) for row in X4]


ROWS = list(table()) + [(name, *row) for name, row in MORE.items()]


def test_rows_are_many_and_named_apart():
    assert len({name for name, *_ in ROWS}) == len(ROWS) > 800


def wrong_with(spied, row):
    """What a row shows that should not be, or nothing."""
    name, error, message, call = row
    before, runs = len(spied.graph.get_operations()), spied.runs
    try:
        call(spied)
    except Exception as e:
        said = str(e)
        if not isinstance(e, error) or not isinstance(e, errors.DeepExplainError) or not isinstance(e, RuntimeError):
            return f'{name}: {type(e).__name__} {said}'
        if not re.search(message, said) or INTERNALS.search(said) or len(said) > 700:
            return f'{name}: says {said}'
        if spied.runs != runs or len(spied.graph.get_operations()) != before:
            return f'{name}: something was run, or added to the graph'
        return None
    return f'{name}: accepted'


@pytest.mark.parametrize('part', range(20))
def test_refused_before_anything_runs(spied, part):
    """All rows in one context, of which every one leaves graph and session as they were."""
    wrong = [w for w in (wrong_with(spied, row) for row in ROWS[part::20]) if w]
    assert not wrong, '\n'.join(wrong)
    spied.saliency.run(X4), spied.tokens.run(IDS)           # and the context goes on working


def refused(message, call, error=errors.SourceError):
    with pytest.raises(error, match='(?s)' + message) as caught:
        call()
    assert isinstance(caught.value, RuntimeError) and not INTERNALS.search(str(caught.value)), str(caught.value)
    return caught.value


def test_left_contexts():
    de = DeepExplain.from_function(tf.tanh, [SPEC])
    explainer = de.get_explainer('saliency', de.outputs[0], de.inputs[0])      # before it is entered
    for _ in range(2):
        with de:
            with de:
                pass
            first = explainer.run(np.ones((2, 3)))
        np.testing.assert_array_equal(explainer.run(np.ones((2, 3))), first)
    de.close()
    de.close()
    refused('is not entered, or was left before', lambda: de.__exit__(None, None, None), errors.ContextError)
    refused('the session is closed', lambda: de.__enter__(), errors.ContextError)
    refused('the session is closed', lambda: explainer.run(np.ones((2, 3))), errors.ContextError)
    refused('the session is closed', lambda: list(explainer.stream([np.ones((2, 3))])), errors.ContextError)
    refused('the session is closed', lambda: de.explain('saliency', de.outputs[0], de.inputs[0], np.ones((2, 3))), errors.ContextError)


def test_datasets_that_cannot_be_read(spied):
    with spied.graph.as_default():
        in_graph = tf.data.Dataset.from_tensor_slices(X4).batch(2)
    for call in (lambda: spied.saliency.run(in_graph), lambda: list(spied.saliency.stream(in_graph)), lambda: spied.tokens.run(in_graph)):
        refused('the tf.data.Dataset cannot be read.*eager mode', call, errors.ParameterError)


def test_explainers_of_ids_are_compiled_when_they_are_made(session):
    """So that the graph can be finalized behind; explain adds ops once its input is checked."""
    ids = v1.placeholder(tf.int32, (None, 4))
    T = tf.reduce_sum(tf.tanh(tf.gather(tf.ones((9, 3)), ids)), [1, 2])
    with DeepExplain(session) as de:
        before = len(session.graph.get_operations())
        refused('holds id 9', lambda: de.explain('deeplift', T, ids, IDS + 2), errors.ValueRangeError)
        assert len(session.graph.get_operations()) == before
        explainer = de.get_explainer('deeplift', T, ids)
        session.graph.finalize()
        np.testing.assert_allclose(explainer.run(IDS).sum((1, 2)), 12 * np.tanh(1), rtol=1e-6)


def test_errors_are_runtime_errors_and_what_they_were():
    for error in vars(errors).values():
        if isinstance(error, type) and issubclass(error, errors.DeepExplainError):
            assert issubclass(error, RuntimeError)
    for name in ('UnknownMethod', 'ParameterError', 'TensorError', 'PathError', 'ShapeError', 'ValueRangeError', 'FeedError', 'RuleError',
                 'SourceError'):
        assert issubclass(getattr(errors, name), ValueError)


def test_what_was_accepted_and_is_right_still_is(spied):
    """Matrices, lists, ranges, 0 and 1 as booleans of a placeholder, ids in an array without axes, eager tensors, out of another float."""
    expected = spied.saliency.run(X4)
    for xs in np.asmatrix(X4), X4.tolist(), ROWS_OF_TENSORS, EAGER, [tuple(r) for r in X4]:
        np.testing.assert_array_equal(spied.saliency.run(xs), expected)
    np.testing.assert_array_equal(spied.explain(T=spied.needs_train, feed_dict={spied.train: 1}), expected)
    np.testing.assert_array_equal(spied.explain(ys=np.eye(3, dtype=bool)[[0, 1, 2, 0]]), spied.explain(ys=np.eye(3)[[0, 1, 2, 0]]))
    np.testing.assert_array_equal(spied.on_ids(baseline=np.array(3)), spied.on_ids(baseline=3))
    np.testing.assert_array_equal(spied.on_ids(baseline=THREE), spied.on_ids(baseline=3))
    out = np.zeros((4, 5), 'f4')
    assert spied.saliency.run(X4, out=out) is out
    np.testing.assert_allclose(out, expected, rtol=1e-6)
    with pytest.raises(errors.ValueRangeError, match='leave the range of float16, the dtype of out'):
        spied.explain(T=spied.steep, out=np.zeros((4, 5), 'f2'))
    big = np.zeros((4, 5, 2))
    big[..., 0] = X4
    np.testing.assert_array_equal(spied.saliency.run(big[..., 0], out=big[..., 1]), expected)       # side by side in memory
