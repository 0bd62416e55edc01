"""The layers in front of the inputs: what they give is what the context takes."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L

from deepexplain2 import DeepExplain
from deepexplain2.errors import SourceError

TEXTS = np.array([['the cat'], [''], ['a dog']], object)


def words(**parameters):
    return L.TextVectorization(vocabulary=['the', 'cat', 'dog'], **parameters)


@pytest.mark.parametrize('mode', ['multi_hot', 'count'])
def test_shapes_are_those_that_are_given(mode):
    """Keras infers (None, 1, 4) for the bag of words of an input of (None, 1), which is (None, 4)."""
    text = keras.Input((1,), dtype='string')
    model = keras.Model(text, L.Dense(2)(words(output_mode=mode)(text)))
    with DeepExplain.from_keras(model) as de:
        [bag] = de.preprocess(TEXTS)
        a = de.explain('occlusion', de.outputs[0], de.inputs[0], bag, ys=1)
        np.testing.assert_allclose(de.session.run(de.outputs[0], {de.inputs[0]: bag}),
                                   model(tf.constant(TEXTS)), rtol=1e-5)
        np.testing.assert_allclose(a, bag * model.layers[-1].kernel.numpy()[:, 1], atol=1e-5)


def test_masks_made_in_front_are_refused():
    """What is fed in place of the layers has no mask: the part behind would take padding for words."""
    inside, text = (keras.Input((1,), dtype='string') for _ in range(2))
    ids = words(output_sequence_length=4)(inside)
    front = keras.Model(inside, L.Masking()(L.Reshape((4, 1))(L.Rescaling(1.)(ids))), name='front')
    model = keras.Model(text, L.Dense(2)(L.LSTM(3)(front(text))))
    with pytest.raises(SourceError, match=r'"front" in .* makes a mask'):
        DeepExplain.from_keras(model)


def test_any_number_of_rows_where_the_batch_is_fixed():
    """A Sequential model fixes its batch as it was called first."""
    model = keras.Sequential([words(output_sequence_length=4), L.Embedding(5, 3), L.Flatten(), L.Dense(2)])
    model(tf.constant([['the'], ['cat']]))
    with DeepExplain.from_keras(model) as de:
        [ids] = de.preprocess(TEXTS)
        value = de.value(de.outputs[0], de.inputs[0], ids, ys=1)
    np.testing.assert_allclose(value, model(tf.constant(TEXTS))[:, 1], rtol=1e-5)


def test_words_behind_are_left_out():
    inside = keras.Input((3,))
    scores = L.Dense(2)(inside)
    best = L.StringLookup(vocabulary=['no', 'yes'], invert=True, num_oov_indices=0)(
        keras.ops.argmax(scores, axis=-1))
    model = keras.Model(inside, {'best': best, 'scores': scores})
    xs = np.eye(3, dtype='f')
    with DeepExplain.from_keras(model) as de:
        assert len(de.outputs) == 1
        np.testing.assert_allclose(de.explain('grad*input', 'scores', de.inputs[0], xs, ys=1),
                                   np.diag(model.weights[0].numpy()[:, 1]), rtol=1e-6)
    de.close()
