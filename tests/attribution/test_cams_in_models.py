"""Class activation maps in models of several inputs, nested models, functions, loops; at any size; for any
target."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from deepexplain2.targets import Detection
from tests.support.cams import CAMS, grad_cam
from tests.support.networks import cnn, opened, samples, v1

RNG = np.random.default_rng(1)
NET = cnn('elu')
X5, YS5 = samples(NET, 5)


def test_several_inputs(session):
    """The map of the branch that the layer hangs on; inputs beside it get 0."""
    image = v1.placeholder(tf.float64, (None, 6, 6, 2), 'image')
    other = v1.placeholder(tf.float64, (None, 3), 'other')
    h = tf.nn.relu(tf.nn.conv2d(image, tf.constant(RNG.normal(size=(3, 3, 2, 4))), 1, 'SAME'), name='maps')
    wide = tf.concat([tf.reduce_mean(h, [1, 2]), other], 1)
    T = tf.tanh(wide) @ tf.constant(RNG.normal(size=(7, 2)))
    xs = [RNG.normal(size=(4, 6, 6, 2)), RNG.normal(size=(4, 3))]
    second = v1.placeholder(tf.float64, (None, 6, 6, 2), 'second')
    with DeepExplain() as de:
        for name in CAMS:
            a, b = de.explain(name, T, [image, other], xs, [0, 1, 1, 0])
            alone = de.explain(name, T, image, xs[0], [0, 1, 1, 0], feed_dict={other: xs[1]})
            np.testing.assert_allclose(a, alone, rtol=1e-9, atol=1e-12)
            assert (a.any() or name == 'fem') and b.shape == (4, 3) and not b.any()
            of_layer = de.explain(name, T, [image, other], xs, [0, 1, 1, 0], upsample=False)
            assert of_layer.shape == (4, 6, 6)
            np.testing.assert_allclose(np.maximum(of_layer, 0), a[..., 0], rtol=1e-9, atol=1e-12)
        both = T + tf.reduce_mean(tf.nn.relu(second, name='beside'), [1, 2])
        with pytest.raises(errors.PathError, match=r'several layers .*"maps:0" of X image.*layer='):
            de.explain('grad_cam', both, [image, second], [xs[0], xs[0]], feed_dict={other: xs[1]})
        a, b = de.explain('grad_cam', both, [image, second], [xs[0], xs[0]], 'sum', layer='beside:0',
                          feed_dict={other: xs[1]}, relu=False)
        assert not a.any() and b.any()
        with pytest.raises(errors.PathError, match='no tensor between X "other:0"'):
            de.explain('grad_cam', T, other, xs[1], feed_dict={image: xs[0]})


@pytest.mark.parametrize('name', CAMS)
def test_packing_changes_nothing(name):
    """Batches, fixed batches, classes, streams, float32."""
    with opened(NET) as (de, X, T, _):
        few = {'k': 1} if name == 'fem' else {}                 # of 4 positions none is 2 deviations above
        explainer = de.get_explainer(name, T, X, relu=False, **few)
        whole = explainer.run(X5, YS5)
        assert whole.any() and whole.shape == X5.shape

        def same(got, rtol=1e-9):
            np.testing.assert_allclose(got, whole, rtol=rtol, atol=rtol * np.abs(whole).max())
        for size in 1, 2, 3, 64:
            same(explainer.run(X5, YS5, size))
        same(np.concatenate(list(explainer.stream([(X5[:2], YS5[:2]), (X5[2:], YS5[2:])]))))
        out = np.zeros_like(X5)
        explainer.run(X5, YS5, 2, out=out)
        same(out)
        classes = explainer.run(X5, classes='all')
        np.testing.assert_allclose(classes[1], explainer.run(X5, 1), rtol=1e-9, atol=1e-12)
        maps = de.explain(name, T, X, X5, YS5, relu=False, upsample=False, **few)
        kept = np.zeros_like(maps)
        de.explain(name, T, X, X5, YS5, 2, relu=False, upsample=False, out=kept, **few)
        np.testing.assert_allclose(kept, maps, rtol=1e-9, atol=1e-12)
        fixed = v1.placeholder(tf.float64, (3, 6, 6, 2))
        same(de.explain(name, NET.tensorflow(fixed), fixed, X5, YS5, relu=False, **few))
    with opened(NET, tf.float32) as (de, X, T, _):
        got = de.explain(name, T, X, X5, YS5, relu=False, **few)
        assert got.dtype == 'float32'
        same(got, 2e-4)


def test_images_without_channels(session):
    x = v1.placeholder(tf.float64, (None, 6, 7), 'x')
    h = tf.nn.conv2d(x[..., None], tf.constant(RNG.normal(size=(3, 3, 1, 4))), 1, 'VALID')
    T = tf.reduce_mean(tf.tanh(h), [1, 2])
    xs = RNG.normal(size=(3, 6, 7))
    with DeepExplain() as de:
        got = de.explain('grad_cam', T, x, xs, [0, 1, 2])
        y = v1.placeholder(tf.float64, (None, 6, 7, 1))
        h = tf.nn.conv2d(y, h.op.inputs[1], 1, 'VALID')
        T = tf.reduce_mean(tf.tanh(h), [1, 2])
        expected = de.explain('grad_cam', T, y, xs[..., None], [0, 1, 2])[..., 0]
        np.testing.assert_allclose(got, expected, rtol=1e-9)


def nested(inner, size, head=4):
    x = keras.Input((size, size, 3))
    h = keras.layers.GlobalAveragePooling2D()(inner(x))
    h = keras.layers.Dense(8, 'relu', name='user_dense')(h)
    return keras.Model(x, keras.layers.Dense(head, name='user_head')(h))


def by_hand(inner, model, layer, xs, ys):
    """Grad-CAM with eager code and a tape."""
    feature = keras.Model(inner.input, [inner.get_layer(layer).output, inner.output])
    output = inner.get_layer(layer).output
    rest = (lambda a, training: a) if output is inner.output else keras.Model(output, inner.output)
    a = feature(xs, training=False)[0]
    with tf.GradientTape() as tape:
        tape.watch(a)
        h = rest(a, training=False)
        for each in model.layers[2:]:
            h = each(h)
        total = tf.reduce_sum(h * ys)
    return np.maximum(grad_cam(np.asarray(a, 'd'), np.asarray(tape.gradient(total, a), 'd')), 0)


def check_nested(inner, layer, size):
    model = nested(inner, size)
    xs, ys = RNG.uniform(-1, 1, (2, size, size, 3)).astype('f'), np.eye(4, dtype='f')[[1, 3]]
    expected = by_hand(inner, model, layer, xs, ys)
    assert (expected.reshape(2, -1).max(1) > 0).any()
    with DeepExplain.from_keras(model) as de:
        got = de.explain('grad_cam', model.output, model.input, xs, ys, layer=layer, upsample=False)
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
        grown = de.explain('grad_cam', model.output, model.input, xs, ys, layer=layer)
        resized = tf.image.resize(expected[..., None], (size, size)).numpy()
        np.testing.assert_allclose(grown, np.repeat(resized, 3, -1), rtol=1e-3, atol=1e-5 * expected.max())


def test_layer_of_a_nested_model():
    x = keras.Input((12, 12, 3))
    h = keras.layers.Conv2D(6, 3, 2, name='inner_first')(x)
    h = keras.layers.ReLU(6., name='inner_relu')(keras.layers.BatchNormalization()(h))
    h = keras.layers.DepthwiseConv2D(3, padding='same', name='inner_last')(h)
    check_nested(keras.Model(x, h, name='backbone'), 'inner_relu', 12)


@pytest.mark.night
def test_layer_of_a_nested_mobilenet():
    inner = keras.applications.MobileNetV2((96, 96, 3), include_top=False, weights=None)
    for layer in 'out_relu', 'block_13_expand_relu':
        check_nested(inner, layer, 96)


@pytest.mark.parametrize('interpolation', ['linear', 'cubic', 'nearest'])
@pytest.mark.parametrize('name', ['grad_cam', 'score_cam'])
def test_never_negative_after_relu(name, interpolation):
    with opened(NET) as (de, X, T, _):
        got = de.explain(name, T, X, X5, YS5, interpolation=interpolation)
        raw = de.explain(name, T, X, X5, YS5, interpolation=interpolation, relu=False)
        assert (got >= 0).all() and (raw.min() < 0 or name == 'score_cam')      # whose weights are positive
        layer = de.explain(name, T, X, X5, YS5, upsample=False)
        if interpolation == 'nearest':
            np.testing.assert_array_equal(got[..., 0], layer.repeat(3, 1).repeat(3, 2))


def test_functions_loops_and_xla(session):
    x = v1.placeholder(tf.float64, (None, 6, 6, 2), 'x')
    k = tf.constant(RNG.normal(size=(3, 3, 2, 3)))
    h = tf.function(lambda x: tf.nn.relu(tf.nn.conv2d(x, k, 1, 'SAME')))(x)
    rest = tf.constant(RNG.normal(size=(108, 2)) / 50)
    plain = tf.tanh(tf.reshape(h, (-1, 108)) @ rest)
    called = tf.function(lambda h: tf.tanh(tf.reshape(h, (-1, 108)) @ rest))(h)
    looped = v1.while_loop(lambda i, t: i < 1, lambda i, t: (i + 1, tf.tanh(t)),
                           [0, tf.reshape(h, (-1, 108)) @ rest])[1]
    with DeepExplain() as de:
        for name in CAMS:
            expected = de.explain(name, plain, x, X5, 1, relu=False)
            assert expected.any()
            for T in called, looped:
                got = de.explanation(name, T, x, X5, 1, relu=False)
                np.testing.assert_allclose(got.values, expected, rtol=1e-9, atol=1e-12)
                assert got.parameters['layer'] == h.name
        got = de.explain('grad_cam', plain, x, X5, 1, relu=False, jit_compile=True)
        np.testing.assert_allclose(got, de.explain('grad_cam', plain, x, X5, 1, relu=False), rtol=1e-9)


def test_detected_boxes_and_functions():
    """A detected box, and a function of the outputs."""
    x = keras.Input((12, 12, 1))
    h = keras.layers.Conv2D(4, 3, 2, 'same', activation='relu', name='maps')(x)
    boxes = keras.layers.Conv2D(4, 1, activation='sigmoid')(h)
    scores = keras.layers.Conv2D(2, 1)(h)
    joined = keras.layers.Concatenate()([boxes, keras.layers.Conv2D(1, 1)(h), scores])
    model = keras.Model(x, joined)
    xs = RNG.normal(size=(3, 12, 12, 1)).astype('f')
    ys = np.array([[.5, .5, .4, .4, k % 2] for k in range(3)], 'f')
    target = Detection('softmax', format='cxcywh', units='normalized', reference_classes='indices')
    with DeepExplain.from_keras(model) as de:
        for name in CAMS:
            got = de.explain(name, target, model.input, xs, ys, layer='maps', relu=False)
            assert got.shape == xs.shape and got.any()
        a = de.activations('maps', model.input, xs)
        got = de.explain('grad_cam', lambda out: out[:, 1, 2, 5] ** 2, model.input, xs, layer='maps',
                         relu=False, upsample=False)
    inner = next(c for c in model.layers if isinstance(c, keras.layers.Conv2D) and c.filters == 2)
    with tf.GradientTape() as tape:
        a = tf.constant(a)
        tape.watch(a)
        total = tf.reduce_sum(inner(a)[:, 1, 2, 0] ** 2)
    expected = grad_cam(np.asarray(a, 'd'), np.asarray(tape.gradient(total, a), 'd'))
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)


def test_token_ids():
    """A convolution over words: the map along them, at their embedding."""
    ids = keras.Input((7,), dtype='int32')
    h = keras.layers.Embedding(11, 4)(ids)
    h = keras.layers.Conv1D(5, 3, activation='relu', name='maps')(h)
    model = keras.Model(ids, keras.layers.Dense(2)(keras.layers.GlobalMaxPooling1D()(h)))
    tokens = RNG.integers(0, 11, (3, 7))
    with DeepExplain.from_keras(model) as de:
        for name in CAMS:
            got = de.explain(name, model.output, model.input, tokens, [0, 1, 1], relu=False)
            assert got.shape == (3, 7, 4) and got.any() and (got == got[..., :1]).all()
        told = de.explanation('grad_cam', model.output, model.input, tokens, [0, 1, 1])
        assert told.parameters['layer']
