"""Models of Keras 2: as in inference, named, and left as they were."""

import numpy as np
import tensorflow as tf
import tf_keras as K

from deepexplain2 import DeepExplain, errors
from deepexplain2.sources import from_keras

L, rng = K.layers, np.random.default_rng(0)

class Doubles(L.Layer):
    def call(self, x, training=True):
        if training:
            return 2 * x
        return x if tf.reduce_sum(x) > -1e9 else -x         # needs autograph

class Scaled(K.Model):
    def call(self, x, training=None, mask=None):
        return super().call(x, training=training) * 3 + 1

class Sub(K.Model):
    def __init__(self):
        super().__init__(name='sub')
        self.first, self.second = L.Dense(3, name='first'), Doubles(name='second')

    def call(self, x):
        return self.second(self.first(x)) + self.first(x)

def backbone():
    return K.Sequential([K.Input((4,)),
                         L.Dense(4, activation='tanh', name='dense', activity_regularizer='l2'),
                         L.Dropout(.5)], name='backbone')

def functional(kind):
    x = K.Input((4,))
    return kind(x, L.Dense(2, name='out')(Doubles(name='doubles')(backbone()(x))))

def shared():
    a, b, enc = K.Input((4,), name='a'), K.Input((4,), name='b'), L.Dense(3, name='enc')
    return K.Model([a, b], {'p': enc(a) + 1., 'q': 2. * enc(b)})

def image():
    return K.Sequential([K.Input((6, 6, 3)), L.RandomRotation(.2), L.RandomTranslation(.2, .2),
                         L.GaussianNoise(1.), L.RandomContrast(.5), L.AlphaDropout(.5), L.Flatten(),
                         L.Dense(2)])

def everything(model):
    layers = list(model._flatten_layers())
    nodes = [n for layer in layers for n in layer._inbound_nodes + layer._outbound_nodes]
    return ([[(k, id(v), [*map(id, v)] if isinstance(v, list) else 0) for k, v in vars(layer).items()]
             for layer in layers],
            [(id(n), id(n.layer)) for n in nodes], [float(x) for x in model.losses])

for make in lambda: functional(K.Model), lambda: functional(Scaled), shared, image, Sub:
    model = make()
    xs = [rng.uniform(.1, 1, size=(3, *s)).astype('f')
          for s in ([(4,)] if make is Sub else [t.shape[1:] for t in model.inputs])]
    given = xs if len(xs) > 1 else xs[0]
    expected = tf.nest.flatten(model(given, training=False))
    before = everything(model)
    signature = [tf.TensorSpec((None, 4))] if make is Sub else None
    with DeepExplain.from_keras(model, signature) as de:
        assert everything(model) == before, make
        feed = dict(zip(de.inputs, xs))
        for a, b, c in zip(de.session.run(list(de.outputs), feed), expected,
                           from_keras(model, signature).original(*map(tf.constant, xs))):
            np.testing.assert_allclose(a, b, atol=1e-5)
            np.testing.assert_allclose(c, b, atol=1e-5)
        assert everything(model) == before, make
        assert len(de.outputs) == len(expected)
        if make is Sub:
            np.testing.assert_allclose(de.session.run(de.tensor('first/0'), feed), model.first(xs[0]),
                                       atol=1e-5)
        elif make is shared:
            enc = model.get_layer('enc')
            for k in 0, 1:
                for name in f'enc/{k}', enc.get_output_at(k):
                    np.testing.assert_allclose(de.session.run(de.tensor(name), feed), enc(xs[k]),
                                               atol=1e-5)
            np.testing.assert_allclose(de.session.run(de.outputs['q'], feed), 2 * enc(xs[1]), atol=1e-5)
            try:
                de.tensor('enc')
                raise AssertionError
            except errors.TensorError as e:
                assert 'enc/0' in str(e) and 'enc/1' in str(e)
        elif make is not image:
            inner = model.get_layer('backbone')
            for name in 'dense', 'backbone/dense', inner.get_layer('dense').output:
                np.testing.assert_allclose(de.session.run(de.tensor(name), feed),
                                           inner.get_layer('dense')(xs[0]), atol=1e-5)
open_ended = K.Sequential([K.Input((None, 4)), L.TimeDistributed(L.Dense(1))])
x = rng.normal(size=(3, 7, 4)).astype('f')
with DeepExplain.from_keras(open_ended, [tf.TensorSpec((None, 7, 4))]) as de:
    np.testing.assert_allclose(de.session.run(de.outputs[0], {de.inputs[0]: x}), open_ended(x), atol=1e-5)
