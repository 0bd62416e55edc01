"""The audit names every op between X and T before anything is run, and tells the truth."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L

from deepexplain2 import DeepExplain, errors
from tests.support.few import ANYWHERE
from tests.support.networks import mlp, opened

NET = mlp('tanh', 'relu', seed=3)


def types(audit):
    return {how: sorted(r.type for r in rows) for how, rows in audit.groups.items()}


def test_groups():
    """Every op once, function bodies included; under each method in its own way."""
    with opened(NET) as (de, X, T, session):
        loop = tf.while_loop(lambda i, h: i < 3, lambda i, h: (i + 1, tf.sigmoid(h) * h), [0, T])[1]
        target = tf.reduce_max(tf.linalg.inv(tf.einsum('bi,bj->bij', loop, loop)
                                             + 9 * tf.eye(3, dtype=tf.float64)), [1, 2])
        before = len(session.graph.get_operations())
        found = {name: types(de.audit(name, target, X)) for name in ANYWHERE}
        assert len(session.graph.get_operations()) == before
        assert found['deeplift']['rule'] == ['Einsum', 'Max', 'Mul', 'Relu', 'Sigmoid', 'Tanh']
        assert found['deeplift']['general rule'] == ['MatrixInverse']
        assert found['elrp']['rule'] == ['Einsum', 'Mul', 'Relu', 'Sigmoid', 'Tanh']
        assert found['elrp'][
            'gradient on purpose'] == ['Max'] and found['elrp']['plain gradient'] == ['MatrixInverse']
        assert found['saliency'].keys() == found['intgrad'].keys() == {'gradient', 'linear'}
        assert 'Tanh' in found['saliency']['gradient']
        assert found['occlusion'].keys() == found['shapley_sampling'].keys() == {'evaluated'}
        assert len({sum(map(len, g.values())) for g in found.values()}) == 1
        assert de.audit('deeplift', target, X).fits and not de.audit('elrp', target, X).fits
        assert 'gradient on purpose' in types(de.audit('deeplift', target, X, max_pooling='gradient'))
        explainer = de.get_explainer('deeplift', target, X)
        assert types(explainer.audit()) == found['deeplift']
        families = {r.type: r.detail for r in explainer.audit() if r.treatment == 'rule'}
        assert families == {'Einsum': 'two factors', 'Mul': 'two factors', 'Max': 'cross-maximum',
                            'Relu': 'Rescale', 'Sigmoid': 'Rescale', 'Tanh': 'Rescale'}


def test_what_does_not_fit_is_in_the_table():
    with opened(NET) as (de, X, T, _):
        chosen = tf.where(tf.equal(tf.argmax(T, 1), 0)[:, None], T, 2 * T)
        audit = de.audit('deeplift', chosen, X)
        assert not audit.fits and [r.detail for r in audit.groups['plain gradient']] == ['a condition that '
                                                                                         'is '
                                                                                       'not a comparison']
        assert 'does not fit' in str(audit) and audit.title in repr(audit)
        assert all(part in audit._repr_html_() for part in ('<table>', 'SelectV2', '<td>plain gradient'))
        loop = tf.while_loop(lambda h: tf.reduce_sum(h) < 100., lambda h: tf.nn.softplus(h) + 1., [T])[0]
        refused = de.audit('deeplift', loop, X)
        assert not refused.fits and 'number of iterations' in str(refused)
        assert de.audit('deeplift', tf.where(T > 0, T, T * T), X).fits
        stopped = de.audit('saliency', T + tf.stop_gradient(T), X)
        assert not stopped.fits and 'loses values of X' in str(stopped)
        with pytest.raises(errors.UnknownMethod):
            de.audit('deepliftt', T, X)
        with pytest.raises(errors.PathError, match=r'only through ops without a gradient: .*\(ArgMax\)'):
            de.explain('deeplift', tf.cast(tf.argmax(T, 1), tf.float64), X, np.ones((1, 5)))


def test_linear_models_are_silent_and_linear():
    with opened(NET) as (de, X, _, _), warnings.catch_warnings():
        warnings.simplefilter('error')
        warnings.simplefilter('ignore', errors.ReluWarning)     # that there is no ReLU
        T = X @ np.ones((5, 2)) + 1
        for name in ANYWHERE:
            de.explain(name, T, X, np.arange(10.).reshape(2, 5), 'sum')
            # lrp has rules for what is linear too
            assert de.audit(name, T, X).groups.keys() <= {'linear', 'evaluated', *['rule'] * (name == 'lrp')}


def test_layers_are_named():
    x = keras.Input((5, 4))
    model = keras.Model(x, L.Dense(2)(L.LSTM(3, name='recurrent')(L.Dense(4, 'relu', name='first')(x))))
    with DeepExplain.from_keras(model) as de:
        rows = de.audit('deeplift', de.outputs[0], de.inputs[0]).rows
        assert {r.layer for r in rows if r.type == 'Relu'} == {'first'}
        assert {r.layer for r in rows if r.type == 'Tanh'} == {'recurrent'}
        h = keras.ops.where(keras.ops.equal(keras.ops.argmax(x, -1), 0)[..., None], x, 2 * x)
    model = keras.Model(x, L.Flatten(name='flat')(L.Dense(2)(h)))
    with DeepExplain.from_keras(model) as de, \
            pytest.warns(errors.NonlinearOpWarning, match=r'\(SelectV2\) of layer "where'):
        de.get_explainer('deeplift', de.outputs[0], de.inputs[0])
