"""Models of token ids and texts: the inputs are what the lookup gives."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L

from deepexplain2 import DeepExplain

RNG = np.random.default_rng(0)


@pytest.mark.filterwarnings('ignore::deepexplain2.errors.NonlinearOpWarning')
@pytest.mark.parametrize('tail, kinds', [
    (lambda: [L.Conv1D(4, 2, activation='relu'), L.GlobalMaxPooling1D()], ['intgrad', 'elrp', 'deeplift']),
    (lambda: [L.LSTM(4)], ['deeplift'])], ids=['conv', 'lstm'])
def test_embeddings(tail, kinds):
    """Ids in, attributions of tokens out; the same as at the output of the embedding layer."""
    model = keras.Sequential([keras.Input((6,), dtype='int32'),
                              L.Embedding(20, 5, mask_zero=True, name='embedding'), *tail(), L.Dense(2)])
    ids, ys = np.random.default_rng(0).integers(1, 20, (4, 6)), np.array([0, 1, 0, 1])
    ids[:, 4:] = 0
    with DeepExplain.from_keras(model) as de:
        embedded = model.get_layer('embedding').output
        values = de.session.run(de.tensor(embedded), {de.inputs[0]: ids})
        for method in kinds:
            a = de.explain(method, de.outputs[0], de.inputs[0], ids, ys=ys, sum_embedding=True)
            assert a.shape == (4, 6) and np.abs(a).max() > 0
            b = de.explain(method, de.outputs[0], embedded, values, ys=ys, feed_dict={de.inputs[0]: ids})
            np.testing.assert_allclose(a, b.sum(-1), atol=1e-5 * np.abs(b).max(), err_msg=method)


def test_string_layers():
    """T and X behind them: the inputs are what the lookup gives."""
    words, number = keras.Input((3,), dtype='string', name='words'), keras.Input((2,), name='number')
    ids = L.StringLookup(vocabulary=['good', 'bad', 'film'], name='lookup')(words)
    h = L.Flatten()(L.Embedding(5, 4)(ids))
    model = keras.Model([words, number],
                        L.Dense(2)(L.Concatenate()([h, L.Normalization(mean=1., variance=4.)(number)])))
    text, numbers = tf.constant([['good', 'film', 'x'],
                                 ['bad', 'film', 'film']]), RNG.normal(size=(2, 2)).astype('f')
    tokens = model.get_layer('lookup')(text).numpy()
    with DeepExplain.from_keras(model) as de:
        ids_in, number_in = de.inputs             # in the order of the model
        feed = {ids_in: tokens, number_in: numbers}
        np.testing.assert_allclose(de.session.run(de.outputs[0], feed),
                                   model([text, tf.constant(numbers)]).numpy(), rtol=1e-5)
        a = de.explain('intgrad', de.outputs[0], ids, tokens, sum_embedding=True,
                       feed_dict={number_in: numbers})
        assert a.shape == (2, 3)
        by_name = de.explain('intgrad', de.outputs[0], {'words': ids_in, 'number': number_in},
                             {'number': numbers, 'words': tokens})
        assert by_name['words'].shape[:2] == (2, 3) and by_name['number'].shape == (2, 2)
        both = de.explain('intgrad', de.outputs[0], de.inputs, dict(zip(('words', 'number'), de.preprocess(
            {'number': numbers, 'words': text.numpy()}))))
        np.testing.assert_array_equal(both[0], by_name['words'])
        b = de.explain('deeplift', de.outputs[0], number, numbers, feed_dict={ids_in: tokens})
        w = model.layers[-1].kernel.numpy().sum(1)[-2:]
        # Normalization is part of what is explained
        np.testing.assert_allclose(b, numbers / 2 * w, rtol=1e-4)


def test_integers_that_are_looked_up():
    given = keras.Input((3,), dtype='int64')
    layer = L.IntegerLookup(vocabulary=[10, 20, 30])
    model = keras.Model(given, L.Dense(2)(L.Flatten()(L.Embedding(6, 2)(layer(given)))))
    tokens = layer(np.array([[10, 30, 7]])).numpy()
    with DeepExplain.from_keras(model) as de:
        assert len(de.inputs) == 1 and de.inputs[0].dtype == tf.int64
        np.testing.assert_allclose(de.session.run(de.outputs[0], {de.inputs[0]: tokens}),
                                   model(np.array([[10, 30, 7]])), rtol=1e-5)


def test_text_vectorization():
    text = keras.Input((1,), dtype='string')
    layer = L.TextVectorization(output_sequence_length=4, vocabulary=['good', 'bad', 'film'], name='words')
    ids = layer(text)
    model = keras.Model(text, L.Dense(2, name='logits')(L.GlobalAveragePooling1D()(L.Embedding(5, 4)(ids))))
    xs = tf.constant([['A good film'], ['bad, bad!']])
    tokens = layer(xs).numpy()
    with DeepExplain.from_keras(model) as de:
        np.testing.assert_allclose(de.session.run(de.outputs[0], {de.inputs[0]: tokens}), model(xs),
                                   rtol=1e-5)
        for T, X in ('logits', ids), (model.output, 'words'):
            a = de.explain('deeplift', T, X, tokens, ys=np.array([0, 1]), baseline=0, sum_embedding=True)
            f, f0 = (de.session.run(de.outputs[0], {de.inputs[0]: t}) for t in (tokens, 0 * tokens))
            np.testing.assert_allclose(a.sum(1), (f - f0)[range(2), [0, 1]], atol=1e-6)
            assert np.all((a != 0) == (tokens != 0))
