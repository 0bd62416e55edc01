"""Targets: errors of their data and of what they build, before anything is run."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2.errors import (
    ContextError,
    FeedError,
    ParameterError,
    PathError,
    ShapeError,
    TensorError,
    ValueRangeError,
)
from tests.support.masked import MASKS, XS, Chosen, Masked, N, Said, maps, runs


@pytest.fixture
def context():
    with maps() as de:
        yield de


DATA = {
    'none': (Masked(), None, FeedError, r'target Masked\(\) needs ys: \(4, 3, 2\) bool, one entry per row'),
    'rows': (Masked(), MASKS[:3], ShapeError, r'Masked has 3 rows, shape \(3, 3, 2\), but xs has 4'),
    'one row': (Masked(), MASKS[:1], ShapeError, r'has 1 rows'),
    'shape': (Masked(), MASKS[:, 0], ShapeError, r'must be \(4, 3, 2\) bool, not \(4, 2\) bool'),
    'no batch axis': (Masked(), MASKS[0], ShapeError, r'must be \(4, 3, 2\) bool, not \(3, 2\) bool'),
    'dtype': (Masked(), MASKS * .5, ShapeError, r'must be \(4, 3, 2\) bool, not \(4, 3, 2\) float64'),
    'text': (Masked(), 'all', ShapeError, 'not an array of bool'),
    'nan': (Chosen(), ([[0, 0]] * N, [1, 2, np.nan, 3]), ValueRangeError,
            r'Chosen, \(4,\) float64 "weight", holds 1 values that are NaN'),
    'fractions': (Chosen(), ([[0, .5]] * N, [1.] * N), ValueRangeError, r'int32 "place", holds values'),
    'booleans': (Chosen(), (np.ones((N, 2), bool), np.ones(N)), ShapeError, r'not \(4, 2\) bool'),
    'one array': (Chosen(), np.ones(N), ShapeError,
                  r'must be a list of \(4, 2\) int32 "place" and \(4,\) float64 "weight", not ndarray'),
    'three arrays': (Chosen(), [1, 2, 3], ShapeError, 'not 3 arrays'),
}


@pytest.mark.parametrize('case', DATA)
def test_data_are_checked_before_anything_is_run(context, case, monkeypatch):
    target, ys, error, message = DATA[case]
    for method in 'intgrad', 'occlusion':
        explainer = context.get_explainer(method, target, context.inputs[0])
        monkeypatch.setattr(context.session, '_make_callable_from_options', None)       # no run
        with pytest.raises(error, match=message):
            explainer.run(XS, ys)
        monkeypatch.undo()


def fail(*arguments):
    raise KeyError('boxes')


def other_graph(y):
    with tf.Graph().as_default():
        return tf.zeros([2])


BUILD = {
    'raises': (Said(fail), TensorError, "build raised KeyError: 'boxes'"),
    'late': (Said(lambda y: tf.matmul(y, tf.ones([7, 7], tf.float64))), TensorError, 'raised ValueError'),
    'no tensor': (Said(lambda y: 3.), TensorError, 'must return a tensor, not float'),
    'integers': (Said(lambda y: tf.argmax(y, 1)), TensorError, r'floating tensor .* not \(\?, 2\) int64'),
    'scalar': (Said(tf.reduce_sum), TensorError, r'one entry per row, \(batch,\), not \(\) float64'),
    'no batch': (Said(lambda y: tf.reduce_sum(y, 0)), TensorError, r'shape \(3, 2\), whose first axis'),
    'constant': (Said(lambda y: tf.zeros([2])), TensorError, r'shape \(2,\), whose first axis'),
    'no outputs': (Said(lambda y, ys: ys * 2., tf.TensorSpec((None,), tf.float64)), TensorError,
                   'does not depend on outputs'),
    'other graph': (Said(other_graph), TensorError, 'of another graph'),
    'data': (Said(tf.identity, 'float32'), ParameterError, 'data must return a tf.TensorSpec'),
    'closed axis': (Said(tf.add, tf.TensorSpec((3, 2), tf.float64)), ParameterError, 'must begin with None'),
    'strings': (Said(tf.add, tf.TensorSpec((None,), tf.string)), ParameterError, 'numbers or booleans'),
    'names': (Masked(outputs='z'), TensorError, "no tensor 'z'"),
    'eager': (Masked(outputs=3.), TensorError, "outputs of Masked must be a tensor"),
    'class': (Masked, TensorError, r'T is the class Masked. Give a target: Masked\(...\)'),
}


@pytest.mark.parametrize('case', BUILD)
def test_what_cannot_be_built_leaves_nothing(context, case):
    target, error, message = BUILD[case]
    before = context.graph.as_graph_def().SerializeToString(deterministic=True)
    for call in runs, lambda de, target, ys: de.audit('saliency', target, de.inputs[0]):
        with pytest.raises(error, match=message):
            call(context, target, None)
    assert context.graph.as_graph_def().SerializeToString(deterministic=True) == before


def test_tensors_of_the_model_come_in_as_outputs(context):
    y = context.tensor('y')
    ops = len(context.graph.get_operations())
    with pytest.raises(TensorError, match='Tensors of the model come in as outputs'):
        runs(context, Said(lambda x: x + y), None)
    assert len(context.graph.get_operations()) == ops


def test_x_is_checked_first(context):
    ops = len(context.graph.get_operations())
    for method, X in ('saliency', tf.zeros), ('saliency', 'z'), ('saliency', []):
        with pytest.raises(TensorError):
            context.explain(method, Masked(), X, XS, MASKS)
    with pytest.raises(PathError):
        context.explain('saliency', Masked(outputs='x'), 'y', XS, MASKS)
    assert len(context.graph.get_operations()) > ops            # a target that is there, and found again
    ops = len(context.graph.get_operations())
    with pytest.raises(PathError):
        context.explain('saliency', Masked(outputs='x'), 'y', XS, MASKS)
    assert len(context.graph.get_operations()) == ops


def test_a_finalized_graph(context):
    known = Masked()
    context.get_explainer('saliency', known, context.inputs[0])
    context.graph.finalize()
    np.testing.assert_allclose(runs(context, Masked(), MASKS, 'saliency'), np.abs(2 * XS) * MASKS)
    with pytest.raises(ContextError, match=r'finalized, and target Chosen\(\) adds ops'):
        runs(context, Chosen(), None)


def test_scopes_of_the_caller_do_not_count(context):
    with tf.name_scope('mine'), tf.control_dependencies([context.tensor('y')]):
        runs(context, Masked(), MASKS, 'saliency')
    names = [op.name for op in context.graph.get_operations()]
    assert 'deepexplain2/Masked/score' in names
    assert not any(op.control_inputs for op in context.graph.get_operations() if 'Masked' in op.name)
