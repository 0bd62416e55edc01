"""Masks that follow X, comparisons that are no masks, and what is said of attributions without meaning."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from deepexplain2.request.ends import Ends
from tests.support.masked_networks import (
    XS,
    A,
    W,
    any_entry,
    conv,
    pooled,
)
from tests.support.networks import v1


def test_masks_that_follow(session):
    """masks='follow': the model as it is; deeplift takes steps, intgrad says that T jumps; occlusion asks the
    model as it is always."""
    x = v1.placeholder(tf.float32, (None, 4, 3), 'x')
    T = conv(x, any_entry(0.)(x))
    with DeepExplain() as de:
        f = session.run(T, {x: XS}).ravel() - session.run(T, {x: 0 * XS}).ravel()
        for method in 'deeplift', 'shapley_sampling':
            np.testing.assert_allclose(de.explain(method, T, x, XS, masks='follow').sum((1, 2)), f, atol=1e-5)
        with pytest.warns(errors.PathWarning, match=r'intgrad: a mask that is made of X at "NotEqual:0" '
                                                    r'changes between .* masks=\'keep\' explains'):
            de.explain('intgrad', T, x, XS, masks='follow')
        a = de.explain('occlusion', T, x, XS, window_shape=(1, 3))
        z = XS.copy()
        z[:, 1] = 0
        np.testing.assert_allclose(a[:, 1].sum(1), (session.run(T, {x: XS}) - session.run(T, {x: z})).ravel(),
                                   atol=1e-6)
        with pytest.raises(errors.ParameterError, match="masks must be one of 'keep', 'follow'"):
            de.explain('intgrad', T, x, XS, masks='hold')


@pytest.mark.parametrize('makes', ['category', 'product', 'decision', 'difference', 'alone', 'hidden'])
def test_what_is_no_mask(session, makes):
    """Encodings of a category, comparisons of two tensors, decisions, comparisons that are all of T: as in
    the model, with the jumps that it has."""
    x = v1.placeholder(tf.float32, (None, 3), 'x')
    one_hot = tf.cast(tf.equal(x[:, :1], [0., 1., 2.]), tf.float32)
    rest = tf.tanh(x @ A) @ W
    T = {'category': one_hot @ A @ W + rest, 'product': tf.reduce_sum(one_hot * [3., -1., 2.], 1,
                                                                      keepdims=True) + rest,
         'decision': tf.where(x > 0, x, .1 * x) @ A @ W,
         'difference': tf.where(tf.equal(x, x[:, ::-1]), x, 2 * x) @ A @ W,
         'alone': one_hot @ A @ W, 'hidden': tf.cast(tf.not_equal(tf.nn.relu(x @ A), 0.),
                                                     tf.float32) * (x @ A) @ W}[makes]
    xs = np.array([[1, .5, -2], [2, -1, .3], [0, 1, 1]], 'f')
    with DeepExplain() as de:
        f = (session.run(T, {x: xs}) - session.run(T, {x: 0 * xs})).ravel()
        for method in 'shapley_sampling', 'deeplift':
            np.testing.assert_allclose(de.explain(method, T, x, xs).sum(1), f, atol=2e-5, err_msg=method)


def test_a_mask_inside_a_function_is_warned_of(session):
    """Out of reach in the graph of a session, kept where the function is opened."""
    x = v1.placeholder(tf.float32, (None, 4, 3), 'x')
    fn = tf.function(lambda z: pooled(z, any_entry(0.)(z)))
    with DeepExplain() as de, pytest.warns(errors.PathWarning, match='open the model by from_function'):
        de.explain('intgrad', fn(x), x, XS)


def test_attributions_that_cancel_one_another():
    """A mask of an attention, -1e38 in its logits, that changes between x and the baseline: 1e22 and no
    meaning, and a warning says so."""
    keras.utils.set_random_seed(0)
    h = i = keras.Input((4, 3))
    h = keras.layers.Masking(0.)(h)
    model = keras.Model(
        i, keras.layers.Dense(2)(keras.layers.Flatten()(keras.layers.MultiHeadAttention(2, 3)(h, h))))
    x = np.random.default_rng(0).normal(size=(2, 4, 3))
    x[0, 2:] = 0
    with DeepExplain.from_keras(model) as de, warnings.catch_warnings():
        warnings.simplefilter('error')
        de.explain('deeplift', de.outputs[0], de.inputs[0], x, 'sum')
        with pytest.raises(errors.MagnitudeWarning, match=r'deeplift: the attributions of . of 2 rows sum in '
                                                          r'magnitude to more than 1e.06 times T'):
            de.explain('deeplift', de.outputs[0], de.inputs[0], x, 'sum', masks='follow')


def test_large_attributions_of_a_large_output(session, monkeypatch):
    """No warning; T is asked once, and not again before they are ten times as large."""
    x = v1.placeholder(tf.float64, (None, 3))
    with DeepExplain() as de, warnings.catch_warnings():
        warnings.simplefilter('error')
        explainer = de.get_explainer('deeplift', 1e9 * tf.tanh(x[:, 0]), x)
        asked = []
        values = Ends.values
        monkeypatch.setattr(Ends, 'values', lambda *a: asked.append(1) or values(*a))
        for scale in 1, 2, .5, 1:
            explainer.run(scale * np.ones((2, 3)))
        assert len(asked) == 1
