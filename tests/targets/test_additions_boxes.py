"""A target with data of its own: a detection score of a box that is given with every row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain
from deepexplain2.errors import FeedError
from deepexplain2.targets import Target
from tests.support.networks import v1

RNG = np.random.default_rng(0)
N, D, K, C, STEPS = 5, 6, 4, 3, 6
W_BOXES, W_SCORES = RNG.normal(size=(D, K * 4)) * .4, RNG.normal(size=(D, K * C))
XS, BOXES = RNG.normal(size=(N, D)), RNG.uniform(size=(N, 4)) + [0, 0, .5, .5]


@dataclass(frozen=True)
class BoxScore(Target):
    """Scores of a class, weighted by the soft IoU of their boxes (y0, x0, y1, x1) with a box per row."""
    of_class: int = 0
    sharpness: float = 2.

    def data(self, outputs):
        return tf.TensorSpec((None, 4), outputs[0].dtype)

    def build(self, outputs, ys):
        a, b, c, d = outputs[0][..., :2], outputs[0][..., 2:], ys[:, None, :2], ys[:, None, 2:]
        shared, one, other = (tf.reduce_prod(tf.nn.softplus(self.sharpness * (high - low)), -1)
                              for low, high in ((tf.maximum(a, c), tf.minimum(b, d)), (a, b), (c, d)))
        return tf.reduce_sum(shared / (one + other - shared) * outputs[1][..., self.of_class], 1)


def score(x, box, of_class=0, sharpness=2.):
    """The same in NumPy: (n, d), (n, 4) -> (n,)"""
    h = np.tanh(x)
    boxes, scores = (h @ W_BOXES).reshape(-1, K, 4), (h @ W_SCORES).reshape(-1, K, C)

    def area(low, high):
        return np.log1p(np.exp(sharpness * (high - low))).prod(-1)
    a, b, c, d = boxes[..., :2], boxes[..., 2:], box[:, None, :2], box[:, None, 2:]
    shared = area(np.maximum(a, c), np.minimum(b, d))
    return (shared / (area(a, b) + area(c, d) - shared) * scores[..., of_class]).sum(1)


def gradient(x, box, **parameters):
    """Central differences: right to 1e-8 of a score of size 1."""
    e = 1e-5 * np.eye(D)
    return np.stack([score(x + d, box, **parameters) - score(x - d, box, **parameters) for d in e], 1) / 2e-5


CLOSE = {'rtol': 1e-6, 'atol': 1e-7}


def integrated(x, box):
    nodes, weights = np.polynomial.legendre.leggauss(STEPS)
    return x * sum(w / 2 * gradient((t + 1) / 2 * x, box) for t, w in zip(nodes, weights))


def occluded(x, box):
    return np.stack([score(x, box) - score(x * (np.arange(D) != k), box) for k in range(D)], 1)


ORACLES = {'saliency': lambda x, box: np.abs(gradient(x, box)),
           'grad*input': lambda x, box: x * gradient(x, box),
           'intgrad': integrated, 'occlusion': occluded}
PARAMETERS = {'intgrad': {'steps': STEPS}, 'shapley_sampling': {'samples': 3}}


def detector(batch=None):
    X = v1.placeholder(tf.float64, (batch, D), 'x')
    h = tf.nn.tanh(X)
    tf.reshape(h @ W_BOXES, (-1, K, 4), name='boxes')
    tf.reshape(h @ W_SCORES, (-1, K, C), name='scores')
    return X


TARGET = BoxScore(outputs=('boxes', 'scores'))


@pytest.mark.parametrize('method', ORACLES)
def test_the_definition(session, method):
    X = detector()
    with DeepExplain(session) as de:
        expected = ORACLES[method](XS, BOXES)
        explainer = de.get_explainer(method, TARGET, X, **PARAMETERS.get(method, {}))
        session.graph.finalize()                        # from here TensorFlow itself refuses any new op
        for batch_size in None, None, 1, 3, 7, 64:
            np.testing.assert_allclose(explainer.run(XS, BOXES, batch_size), expected, **CLOSE)
        np.testing.assert_allclose(explainer.run(XS[::-1], BOXES[::-1]), expected[::-1], **CLOSE)
        others = BOXES + .3
        np.testing.assert_allclose(explainer.run(XS, others), ORACLES[method](XS, others), **CLOSE)
        np.testing.assert_allclose(explainer.run(XS[:1], BOXES[:1]), expected[:1], **CLOSE)


@pytest.mark.parametrize('method', ['deeplift', 'shapley_sampling'])
def test_the_sum(session, method):
    """f(x) - f(baseline), for one baseline and one per row."""
    X = detector()
    with DeepExplain(session) as de:
        for baseline in .5, XS[::-1]:
            expected = score(XS, BOXES) - score(np.broadcast_to(baseline, (N, D)), BOXES)
            for batch_size in None, 1, 3:
                found, delta = de.explain(method, TARGET, X, XS, BOXES, batch_size, baseline=baseline,
                                          return_delta=True, **PARAMETERS.get(method, {}))
                np.testing.assert_allclose(delta, 0, atol=1e-9)
                np.testing.assert_allclose(found.sum(1), expected, atol=1e-9)


def test_a_set_of_baselines(session):
    """Each row is compared with each of them, under the box of the row."""
    X, baselines = detector(), RNG.normal(size=(3, D))
    with DeepExplain(session) as de:
        found = de.explain('intgrad', TARGET, X, XS, BOXES, baseline=baselines, steps=STEPS)
        single = [de.explain('intgrad', TARGET, X, XS, BOXES, baseline=b, steps=STEPS) for b in baselines]
        np.testing.assert_allclose(found, np.mean(single, 0), rtol=1e-9, atol=1e-12)


def test_jit_compile(session):
    X = detector()
    with DeepExplain(session) as de:
        for method in 'saliency', 'intgrad', 'occlusion':
            explainer = de.get_explainer(method, TARGET, X, jit_compile=True, **PARAMETERS.get(method, {}))
            for _ in range(2):
                found = explainer.run(XS, BOXES)
                np.testing.assert_allclose(found, ORACLES[method](XS, BOXES), **CLOSE)


@pytest.mark.parametrize('size', [2, N])
def test_a_fixed_batch(session, size):
    X = detector(size)
    with DeepExplain(session) as de:
        for method in ORACLES:
            found = de.explain(method, TARGET, X, XS, BOXES, **PARAMETERS.get(method, {}))
            np.testing.assert_allclose(found, ORACLES[method](XS, BOXES), **CLOSE)


def test_the_steps_of_intgrad_are_in_one_run(session):
    X, runs = detector(), []
    with DeepExplain(session) as de:
        explainer = de.get_explainer('intgrad', TARGET, X, steps=STEPS)
        explainer.run(XS, BOXES, N * STEPS, progress=runs.append)
        assert len(runs) == 1
        assert any(op.name.startswith('deepexplain2/intgrad/points') for op in session.graph.get_operations())


def test_equal_targets_share_their_ops(session):
    X = detector()
    with DeepExplain(session) as de:
        first = de.explain('saliency', TARGET, X, XS, BOXES)
        ops = len(session.graph.get_operations())
        de.explain('saliency', BoxScore(outputs=('boxes', 'scores')), X, XS, BOXES + 1.)
        tensors = tuple(session.graph.get_tensor_by_name(f'{name}:0') for name in ('boxes', 'scores'))
        np.testing.assert_array_equal(de.explain('saliency', BoxScore(outputs=tensors), X, XS, BOXES), first)
        de.explain('occlusion', TARGET, X, XS, BOXES)
        de.audit('saliency', TARGET, X)
    with DeepExplain(session) as other:
        np.testing.assert_array_equal(other.explain('saliency', TARGET, X, XS, BOXES), first)
        assert len(session.graph.get_operations()) == ops
        found = other.explain('saliency', BoxScore(1, 4., outputs=('boxes', 'scores')), X, XS, BOXES)
        assert len(session.graph.get_operations()) > ops
        expected = np.abs(gradient(XS, BOXES, of_class=1, sharpness=4.))
        np.testing.assert_allclose(found, expected, **CLOSE)


def test_targets_are_compared_by_value():
    a = BoxScore(1, outputs=['a', 'b'])
    assert a == BoxScore(1, outputs=['a', 'b']) and hash(a) == hash(BoxScore(1, outputs=['a', 'b']))
    assert a != BoxScore(2, outputs=['a', 'b']) and a != BoxScore(1, outputs=['b', 'a']) and a != BoxScore(1)
    assert repr(a) == "BoxScore(outputs=['a', 'b'], of_class=1)" and repr(BoxScore()) == 'BoxScore()'


def test_streams_and_datasets(session):
    X = detector()
    with DeepExplain(session) as de:
        explainer = de.get_explainer('grad*input', TARGET, X)
        whole = explainer.run(XS, BOXES)
        parts = list(explainer.stream((XS[k:k + 2], BOXES[k:k + 2]) for k in range(0, N, 2)))
        np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-12)
        with pytest.raises(FeedError, match='needs ys'):
            list(explainer.stream([XS]))
        dataset = pairs(XS, BOXES)
        np.testing.assert_allclose(explainer.run(dataset), whole, rtol=1e-12)
        out = np.zeros_like(XS)
        explainer.run(XS, BOXES, batch_size=1, out=out)
        np.testing.assert_allclose(out, whole, rtol=1e-12)


def pairs(xs, ys):
    from tensorflow.python.eager.context import eager_mode
    with eager_mode():
        return tf.data.Dataset.from_tensor_slices((xs, ys)).batch(2)


def test_audit_shows_the_ops_of_the_target(session):
    X = detector()
    with DeepExplain(session) as de:
        names = [t.name for t in de.audit('deeplift', TARGET, X)]
        assert any('deepexplain2/BoxScore' in name for name in names)
        assert any('Tanh' in name for name in names)
        assert [t.name for t in de.outputs] == ['boxes:0', 'scores:0']
        assert [t.name for t in de.inputs] == ['x:0']


def test_a_keras_model():
    """The outputs of the model are those of the target; its graph is not that of the caller."""
    keras = pytest.importorskip('keras')
    x = keras.Input((D,))
    h = keras.layers.Activation('tanh')(x)
    boxes = keras.layers.Reshape((K, 4), name='boxes')(keras.layers.Dense(K * 4, use_bias=False)(h))
    scores = keras.layers.Reshape((K, C), name='scores')(keras.layers.Dense(K * C, use_bias=False)(h))
    model = keras.Model(x, [boxes, scores])
    model.set_weights([W_BOXES, W_SCORES])
    with DeepExplain.from_keras(model) as de:
        for target in BoxScore(), TARGET, BoxScore(outputs=[boxes, scores]):
            found = de.explain('grad*input', target, de.inputs[0], XS.astype('f'), BOXES)
            np.testing.assert_allclose(found, XS * gradient(XS, BOXES), rtol=1e-4, atol=1e-5)      # float32
