"""python tf_keras_ways.py FOLDER: Keras 2 through every way in.

Beside Keras 3, and then what tf_keras_models checks too; or in its place, if TF_USE_LEGACY_KERAS is set.
"""

import os
import sys

import numpy as np
import tensorflow as tf
import tf_keras as K

from deepexplain2 import DeepExplain

path, xs = sys.argv[1], np.random.default_rng(0).normal(size=(4, 5, 4)).astype('f')
x = K.Input((5, 4), name='series')
h = K.layers.BatchNormalization()(K.layers.LSTM(6, name='recurrent')(x))
model = K.Model(x, K.layers.Dense(3, name='logits')(
    K.layers.Dropout(.5)(K.layers.Dense(5, activation='swish')(h))))
with tf.GradientTape() as tape:
    t = tf.constant(xs)
    tape.watch(t)
    y = tf.reduce_sum(model(t, training=False))
expected = tape.gradient(y, t).numpy() * xs
with DeepExplain.from_keras(model) as de:
    np.testing.assert_allclose(de.explain('grad*input', de.outputs[0], de.inputs[0], xs), expected, atol=1e-5)
    a = de.explain('deeplift', de.outputs[0], de.inputs[0], xs)
    single = de.explain('deeplift', model.get_layer('logits').output, model.input, xs, batch_size=1)
    np.testing.assert_allclose(a, single, atol=1e-5)
    f = model(np.r_[xs, 0 * xs[:1]], training=False).numpy().sum(1)
    np.testing.assert_allclose(a.sum((1, 2)), f[:4] - f[4], atol=1e-5)
    assert 'recurrent' in str(de.describe())
if os.environ.get('TF_USE_LEGACY_KERAS'):           # otherwise paths are opened by Keras 3
    model.save(path + '/m.h5')
    written = DeepExplain.from_keras(path + '/m.h5')
else:
    model.save(path + '/m', save_format='tf')
    written = DeepExplain.from_saved_model(path + '/m')
with written as de:
    np.testing.assert_allclose(de.explain('grad*input', de.outputs[0], de.inputs[0], xs), expected, atol=1e-5)
for layer, text in [(K.layers.StringLookup(vocabulary=['good', 'bad', 'film'], name='words'),
                     [['good', 'film', 'x'], ['bad', 'film', 'film']]),
                    (K.layers.TextVectorization(output_sequence_length=3,
                                                vocabulary=['good', 'bad', 'film'], name='words'),
                     [['a good film'], ['bad bad']])]:
    words, number = K.Input((len(text[0]),), dtype='string'), K.Input((2,), name='number')
    ids = layer(words)
    h = K.layers.Concatenate()([K.layers.Flatten()(K.layers.Embedding(5, 4)(ids)),
                                K.layers.Rescaling(.5)(number)])
    model = K.Model([words, number], K.layers.Dense(2, name='head')(h))
    tokens, numbers = layer(tf.constant(text)).numpy(), np.ones((2, 2), 'f')
    with DeepExplain.from_keras(model) as de:
        ids_in, number_in = de.inputs
        y = de.session.run(de.outputs[0], {ids_in: tokens, number_in: numbers})
        np.testing.assert_allclose(y, model([tf.constant(text), numbers]), rtol=1e-5)
        y0 = de.session.run(de.tensor('head'), {ids_in: 0 * tokens, number_in: numbers})
        a = de.explain('deeplift', 'head', ids, tokens, sum_embedding=True, baseline=0,
                       feed_dict={number_in: numbers})
        np.testing.assert_allclose(a.sum(1), (y - y0).sum(1), atol=1e-5)
        b = de.explain('grad*input', 'head', number, numbers, feed_dict={ids_in: tokens})
        assert layer.output is ids and model.layers[-1].output is model.output  # the model is as before
        np.testing.assert_allclose(b[0], model.layers[-1].get_weights()[0].sum(1)[-2:] / 2, rtol=1e-4)
if not os.environ.get('TF_USE_LEGACY_KERAS'):
    import tf_keras_models  # noqa: F401  the other program, in this process
else:                                   # the session of Keras in TF1 style
    tf.compat.v1.disable_eager_execution()
    x = tf.compat.v1.keras.layers.Input((6,))
    model = tf.compat.v1.keras.Model(x, tf.compat.v1.keras.layers.Dense(3, activation='tanh')(x))
    with DeepExplain(tf.compat.v1.keras.backend.get_session()) as de:
        a = de.explain('deeplift', model.output, model.input, np.ones((2, 6)))
        np.testing.assert_allclose(a.sum(1), model.predict(np.ones((2, 6))).sum(1), atol=1e-5)
        try:
            DeepExplain.from_keras(model)
        except Exception as e:
            assert 'needs eager execution' in str(e) and 'DeepExplain(session)' in str(e)
