"""Targets of classes, regressions, embeddings and losses beside their definitions in NumPy."""

from __future__ import annotations

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from deepexplain2.targets import (
    ClassScore,
    DistanceToPrediction,
    Embedding,
    Loss,
    Probability,
    Regression,
)
from tests.support.networks import v1

RNG = np.random.default_rng(0)
N, D, C = 4, 3, 5
W, V = RNG.normal(size=(D, 6)), RNG.normal(size=(6, C))
XS, LABELS, VECTORS = RNG.normal(size=(N, D)), np.array([1, 4, 0, 2]), RNG.normal(size=(N, C))
ONE_HOT, BASELINE = np.eye(C)[LABELS], .3


def logits(x):
    return np.tanh(x @ W) @ V


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def picked(a):
    return a[np.arange(len(a)), LABELS]


def cosine(a, b):
    return (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


# name -> (target of outputs z, ys, T as a function of the logits at x and at XS)
CASES = {
    'score by ys': (lambda z: ClassScore(outputs=z), LABELS, picked),
    'score': (lambda z: ClassScore(2, outputs=z), None, lambda z: z[:, 2]),
    'contrast': (lambda z: ClassScore(2, against=0, outputs=z), None, lambda z: z[:, 2] - z[:, 0]),
    'contrast by ys': (lambda z: ClassScore(against=3, outputs=z), LABELS, lambda z: picked(z) - z[:, 3]),
    'softmax': (lambda z: Probability(outputs=z), LABELS, lambda z: picked(softmax(z))),
    'sigmoid': (lambda z: Probability(1, 'sigmoid', outputs=z), None, lambda z: sigmoid(z[:, 1])),
    'output': (lambda z: Regression(3, outputs=z), None, lambda z: z[:, 3]),
    'output by ys': (lambda z: Regression(outputs=z), LABELS, picked),
    'distance': (lambda z: DistanceToPrediction(outputs=z), None, lambda z: np.abs(z - logits(XS)).mean(1)),
    'embedding': (lambda z: Embedding(outputs=z), VECTORS, lambda z: cosine(z, VECTORS)),
    'one reference': (lambda z: Embedding(outputs=z), VECTORS[0], lambda z: cosine(z, VECTORS[0])),
    'mse': (lambda z: Loss('mse', outputs=z), VECTORS, lambda z: ((z - VECTORS) ** 2).mean(1)),
    'sparse': (lambda z: Loss('sparse_categorical_crossentropy', True, outputs=z), LABELS,
               lambda z: -np.log(picked(softmax(z)))),
    'binary': (lambda z: Loss(keras.losses.BinaryCrossentropy(from_logits=True), outputs=z), ONE_HOT,
               lambda z: -np.log(np.where(ONE_HOT > 0, sigmoid(z), 1 - sigmoid(z))).mean(1)),
    'function': (lambda z: Loss(lambda y, p: tf.abs(y - p), outputs=z), VECTORS,
                 lambda z: np.abs(z - VECTORS).mean(1)),
}
AT_X = 'saliency', 'grad*input', 'elrp'


@pytest.fixture(scope='module')
def net():
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float64, (None, D), 'x')
        z = tf.identity(tf.nn.tanh(X @ W) @ V, 'logits')
        tf.nn.softmax(z, name='probabilities')
        tf.identity(z[:, :1], 'one')
        yield de, X, z


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('case', CASES)
def test_definitions(net, case):
    """The value, its gradient, and the sums of all methods that promise one."""
    de, X, z = net
    make, ys, definition = CASES[case]
    target, at = make(z), DistanceToPrediction
    expected = definition(logits(XS))
    if not isinstance(target, at):
        np.testing.assert_allclose(de.value(target, X, XS, ys), expected, rtol=1e-9)
        step = 1e-5 * np.eye(D)
        gradient = np.stack([definition(logits(XS + e)) - definition(logits(XS - e)) for e in step],
                            1) / 2e-5
        for batch_size in None, 1, 3:
            np.testing.assert_allclose(de.explain('grad*input', target, X, XS, ys, batch_size), XS * gradient,
                                       rtol=1e-5, atol=1e-8)
        np.testing.assert_allclose(de.explain('saliency', target, X, XS, ys), np.abs(gradient), rtol=1e-5,
                                   atol=1e-8)
        assert np.abs(de.explain('elrp', target, X, XS, ys)).max() > 1e-3
    gone = np.stack([definition(logits(np.where(np.arange(D) == k, 0, XS))) for k in range(D)], 1)
    for batch_size in None, 1, 3:
        np.testing.assert_allclose(de.explain('occlusion', target, X, XS, ys, batch_size),
                                   expected[:, None] - gone, rtol=1e-9, atol=1e-12)
    gap = expected - definition(logits(np.full_like(XS, BASELINE)))
    for method, parameters, close in (('deeplift', {}, 1e-9), ('shapley_sampling', {'samples': 2}, 1e-9),
                                      ('intgrad', {'steps': 60}, 2e-2)):      # 60 steps across kinks of abs
        found = de.explain(method, target, X, XS, ys, baseline=BASELINE, **parameters)
        np.testing.assert_allclose(found.sum(1), gap, atol=close, err_msg=method)


def test_the_distance_is_for_methods_that_leave_x(net):
    de, X, z = net
    for method in AT_X:
        with pytest.raises(errors.ParameterError, match='every attribution would be 0'):
            de.explain(method, DistanceToPrediction(outputs=z), X, XS)
    target = DistanceToPrediction(outputs=z)
    with pytest.raises(errors.FeedError, match=r'the predictions for xs, de\.value\(outputs, X, xs\)'):
        de.value(target, X, XS)
    explainer = de.get_explainer('occlusion', target, X)
    for ys in None, logits(XS):
        np.testing.assert_allclose(explainer.run(XS, ys, 3), explainer.run(XS), atol=1e-12)
    parts = list(explainer.stream([XS[:1], XS[1:]]))
    np.testing.assert_allclose(np.concatenate(parts), explainer.run(XS), atol=1e-12)


def test_losses_of_keras_that_are_equal_share_their_ops(net):
    de, X, z = net
    for _ in range(2):
        de.value(Loss(keras.losses.Huber(.3), outputs=z), X, XS, VECTORS)
        ops = len(de.graph.get_operations())
    de.value(Loss(keras.losses.Huber(.3), outputs=z), X, XS, VECTORS)
    assert len(de.graph.get_operations()) == ops
    assert Loss(keras.losses.Huber(.3)) == Loss(keras.losses.Huber(.3)) != Loss(keras.losses.Huber(.2))


def test_losses_of_maps():
    """The mean over places; shapes that the graph leaves open are compared when it runs."""
    xs, labels = RNG.normal(size=(2, 3, 4, 2)), RNG.integers(2, size=(2, 3, 4))
    with tf.Graph().as_default(), v1.Session() as session, DeepExplain(session) as de:
        X = v1.placeholder(tf.float64, (None, None, None, 2))
        target = Loss('sparse_categorical_crossentropy', True, outputs=X * 3.)
        expected = -np.log(np.take_along_axis(softmax(3 * xs), labels[..., None], -1)).mean((1, 2, 3))
        np.testing.assert_allclose(de.value(target, X, xs, labels), expected, rtol=1e-9)
        found, delta = de.explain('intgrad', target, X, xs, labels, return_delta=True)
        np.testing.assert_allclose(delta, 0, atol=1e-6)
        with pytest.raises(errors.RunError, match='must have the same size and shape'):
            de.value(target, X, xs, labels.transpose(0, 2, 1))


ERRORS = {
    'no class': (lambda z: ClassScore(outputs=z), None, 'FeedError', 'one score per class'),
    'no class of probabilities': (lambda z: Probability(outputs=z), None, 'FeedError', 'one score per class'),
    'class out of range': (lambda z: ClassScore(5, outputs=z), None, 'TensorError', '5 classes: 0 to 4'),
    'same class': (lambda z: ClassScore(2, against=2), None, 'ParameterError', 'both 2'),
    'two outputs': (lambda z: ClassScore(outputs=[z, z]), LABELS, 'TensorError', 'one tensor as outputs'),
    'softmax twice': (lambda z: Probability(outputs='probabilities'), LABELS, 'TensorError',
                      'probabilities already'),
    'softmax of one': (lambda z: Probability(outputs='one'), None, 'TensorError', "function='sigmoid'"),
    'no output': (lambda z: Regression(outputs=z), None, 'FeedError', 'give of_output, or ys'),
    'output out of range': (lambda z: Regression(outputs=z), [0, 1, 5, 2], 'ValueRangeError',
                            'row 2: there is no output 5, but 5: 0 to 4'),
    'outputs of axes': (lambda z: Regression([1, 1], outputs=z), None, 'TensorError', 'have no output'),
    'zero reference': (lambda z: Embedding(outputs=z), VECTORS * [[1], [1], [0], [1]], 'ValueRangeError',
                       'row 2: the reference is the zero vector'),
    'short reference': (lambda z: Embedding(outputs=z), [1, 0], 'ShapeError', 'a reference per row'),
    'unknown loss': (lambda z: Loss('mse2', outputs=z), VECTORS, 'ParameterError', 'no loss'),
    'class of a loss': (lambda z: Loss(keras.losses.Huber), None, 'ParameterError', r'Give Huber\(...\)'),
    'logits or not': (lambda z: Loss('categorical_crossentropy', outputs=z), ONE_HOT, 'ParameterError',
                      'from_logits=True or False'),
    'no logits': (lambda z: Loss('categorical_crossentropy', True, outputs='probabilities'), ONE_HOT,
                  'TensorError', 'probabilities, not logits'),
    'no logits of an object': (
        lambda z: Loss(keras.losses.CategoricalCrossentropy(from_logits=True), outputs='probabilities'),
        ONE_HOT, 'TensorError', 'probabilities, not logits'),
    'label out of range': (lambda z: Loss('sparse_categorical_crossentropy', True, outputs=z), [0, 1, 2, 5],
                           'ValueRangeError', 'row 3: there is no class 5'),
    'label shape': (lambda z: Loss('mse', outputs=z), LABELS, 'ShapeError', r'must be \(4, 5\)'),
    'mean over the batch': (lambda z: Loss(lambda y, p: tf.reduce_mean(y - p), outputs=z), VECTORS,
                            'TensorError', 'one number for the batch'),
}


@pytest.mark.parametrize('case', ERRORS)
def test_errors(net, case):
    de, X, z = net
    make, ys, error, message = ERRORS[case]
    with pytest.raises(getattr(errors, error), match=message):
        de.explain('occlusion', make(z), X, XS, ys)


def test_warnings(net):
    """Of probabilities that were not asked for, and of logits that a loss takes for probabilities."""
    de, X, z = net
    for target in ClassScore(1, outputs='probabilities'), \
            Loss(keras.losses.CategoricalCrossentropy(), outputs=z):
        with pytest.warns(errors.TargetWarning):
            de.explain('grad*input', target, X, XS, None if isinstance(target, ClassScore) else ONE_HOT)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        de.explain('grad*input', Loss('categorical_crossentropy', outputs='probabilities'), X, XS, ONE_HOT)


def test_one_score_needs_no_class(net):
    de, X, _ = net
    for target in ClassScore(outputs='one'), Regression(outputs='one'), ClassScore(0, outputs='one'):
        np.testing.assert_allclose(de.value(target, X, XS), logits(XS)[:, 0])
