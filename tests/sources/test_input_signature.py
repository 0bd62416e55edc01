"""input_signature: sizes that a model leaves open are fixed."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L

from deepexplain2 import DeepExplain, errors
from deepexplain2.sources import from_keras
from tests.support.keras_layers import Pair, backbone

RNG = np.random.default_rng(0)


@pytest.mark.filterwarnings('ignore:Layer .pair. looks:UserWarning', 'ignore:`build..` was called on layer '
                                                                     '.pair.:UserWarning')
def test_input_signature():
    """Fixes sizes that a model leaves open: the steps of TimeDistributed, which Keras takes from the batch
    where it does not know them."""
    x = RNG.normal(size=(3, 7, 4)).astype('f')
    model = keras.Sequential([keras.Input((None, 4), name='x'), L.TimeDistributed(L.Dense(1))])
    spec = tf.TensorSpec((None, 7, 4), tf.float32)
    for signature in [spec], spec, {'x': spec}, (spec,):
        with DeepExplain.from_keras(model, signature) as de:
            assert de.inputs[0].shape.as_list() == [None, 7, 4]
            assert from_keras(model, signature).specs[0].shape.as_list() == [None, 7, 4]
            np.testing.assert_allclose(de.explain('grad*input', de.outputs[0], 'x', x).sum(-1),
                                       model.predict(x, verbose=0)[..., 0], atol=1e-5)
    with DeepExplain.from_keras(model, [tf.TensorSpec(None, tf.float32)], check=False) as de:
        assert de.inputs[0].shape.as_list() == [None, None, 4]
    for message, signature in {'gives input "x" the shape (None, 7, 5), but': [tf.TensorSpec((None, 7, 5))],
                               'the shape (7, 4), but "': tf.TensorSpec((7, 4)),
                               'has 2 entries (0, 1), but': [spec, spec],
                               'has 1 entries (y), but': {'y': spec},
                               'holds 3, which is not a tf.TensorSpec': [3], 'holds None': [None],
                               'input_signature is empty': [],
                               'the model takes strings': tf.TensorSpec((None, 7, 4), tf.string)}.items():
        with pytest.raises(errors.SourceError, match=message.replace('(', r'\(').replace(')', r'\)')):
            DeepExplain.from_keras(model, signature)
    a, b = keras.Input((None,), name='a'), keras.Input((None,), name='b')
    two = keras.Model([b, a], keras.ops.sum(b, -1) - 2 * keras.ops.sum(a, -1))
    five, three = tf.TensorSpec((None, 5)), tf.TensorSpec((None, 3))
    for signature in {'a': five, 'b': three}, [three, five]:
        with DeepExplain.from_keras(two, signature) as de:
            assert de.inputs['a'].shape[1] == 5 and de.inputs['b'].shape[1] == 3
    fixed = keras.Model(*(lambda i: (i, keras.ops.tanh(i)))(keras.Input(batch_shape=(3, None))))
    with DeepExplain.from_keras(fixed, tf.TensorSpec((None, 2))) as de:
        assert de.inputs[0].shape.as_list() == [3, 2]                   # the batch is the model's
    subclassed = Pair(backbone())
    with pytest.raises(errors.SourceError, match=r'could not trace "pair" with training=False for "a" '
                                                 r'\(None, 5\), .* Keras says'):
        DeepExplain.from_keras(subclassed, {'a': five, 'b': five})
