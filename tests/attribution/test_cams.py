"""Class activation maps beside reference values, their definitions, and the layer they take by default."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors, methods
from tests.support.cams import CAMS, NETS, ORACLES, REFERENCE, cast, layers_of
from tests.support.networks import v1

OWN = {'gradcam': 'grad_cam', 'gradcam_pp': 'grad_cam++', 'xgradcam': 'xgrad_cam', 'hirescam': 'hires_cam',
       'layercam': 'layer_cam'}
RNG = np.random.default_rng(0)


def asked(key, baseline):
    """(method, layer, parameters) of a reference value."""
    _, source, *rest = key.split('/')
    if source == 'captum':
        form = rest[2]
        return 'grad_cam', rest[1], {'relu': form != 'raw', 'upsample': form == 'relu_bilinear'}
    layer, kind, form = rest[1:]
    if kind in OWN:
        return OWN[kind], layer, {'relu': form == 'relu', 'upsample': False}
    more = {'baseline': baseline} if 'baseline' in kind else {}
    return 'score_cam', layer, {'relu': False, 'upsample': False, 'weights': kind.split('_')[-1], **more}


@pytest.mark.parametrize('net', NETS)
def test_reference_values(net, session):
    x = v1.placeholder(tf.float64, (None, *REFERENCE[f'{net}/x0'].shape[1:]))
    found, xs, ys = layers_of(net, x), cast(REFERENCE[f'{net}/x0']), REFERENCE[f'{net}/y']
    np.testing.assert_allclose(session.run(found['out'], {x: xs}), REFERENCE[f'{net}/logits'], rtol=1e-6)
    baseline = cast(REFERENCE[f'{net}/baseline0']).reshape(x.shape[1:])
    keys = [k for k in REFERENCE if k.startswith((f'{net}/captum/layer_gradcam', f'{net}/own/cam'))]
    with DeepExplain() as de:
        for key in keys:
            method, layer, parameters = asked(key, baseline)
            got = de.explain(method, found['out'], x, xs, ys, layer=found[layer], **parameters)
            if parameters['upsample']:
                assert (got == got[..., :1]).all()              # one map for all channels
                got = got[..., 0]
            expected = REFERENCE[key]
            np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-9 * np.abs(expected).max(),
                                       err_msg=key)
    assert len(keys) > 15


@pytest.mark.parametrize('net', ['cnn_pool', 'cnn_res'])
def test_guided_grad_cam_beside_captum(net, session):
    """By nearest neighbours, which are the same ones there for these sizes."""
    x = v1.placeholder(tf.float64, (None, *REFERENCE[f'{net}/x0'].shape[1:]))
    found, xs, ys = layers_of(net, x), cast(REFERENCE[f'{net}/x0']), REFERENCE[f'{net}/y']
    key, = (k for k in REFERENCE if k.startswith(f'{net}/captum/guided_gradcam'))
    with DeepExplain() as de:
        options = {'layer': found[key.split('/')[3]], 'interpolation': 'nearest'}
        got = de.explain('guided_grad_cam', found['out'], x, xs, ys, **options)
        np.testing.assert_allclose(got, REFERENCE[key], rtol=1e-6, atol=1e-9 * np.abs(got).max())
        product = de.explain('guided_backprop', found['out'], x, xs, ys) * de.explain(
            'grad_cam', found['out'], x, xs, ys, **options)
        np.testing.assert_allclose(got, product, rtol=1e-12)
        np.testing.assert_allclose(de.explain('guided_grad_cam', found['out'], x, xs, ys, 1, **options), got,
                                   rtol=1e-9, atol=1e-12)
        assert any(t.treatment == 'rule' for t in de.audit('guided_grad_cam', found['out'], x))
    with pytest.raises(errors.ParameterError, match='upsample=False: the map is multiplied'):
        methods['guided_grad_cam'](upsample=False)


SHAPES = {1: (12,), 2: (6, 5), 3: (4, 5, 3)}


def model_of(rank, form='channels_last', filters=4):
    """A Keras model of sequences, images or volumes with 2 channels."""
    conv = {1: keras.layers.Conv1D, 2: keras.layers.Conv2D, 3: keras.layers.Conv3D}[rank]
    shape = (*SHAPES[rank], 2) if form == 'channels_last' else (2, *SHAPES[rank])
    x = keras.Input(shape)
    h = conv(filters, 2, activation='elu', data_format=form, name='first', bias_initializer='normal')(x)
    h = conv(filters + 1, 2, padding='same', data_format=form, activation='relu', name='maps')(h)
    return keras.Model(x, keras.layers.Dense(3)(keras.layers.Flatten()(h)))


def by_tape(model, layer, xs, ys):
    """(values of a layer, gradients of (T * ys).sum() with respect to it), in eager code."""
    both = keras.Model(model.input, [model.get_layer(layer).output, model.output])
    inner = keras.Model(model.get_layer(layer).output, model.output)
    a = both(xs)[0]
    with tf.GradientTape() as tape:
        tape.watch(a)
        total = tf.reduce_sum(inner(a) * ys)
    return np.asarray(a, np.float64), np.asarray(tape.gradient(total, a), np.float64)


@pytest.mark.parametrize('rank', SHAPES)
@pytest.mark.parametrize('name', ORACLES)
def test_definitions_in_any_number_of_axes(name, rank):
    model = model_of(rank)
    xs, ys = RNG.normal(size=(3, *model.input.shape[1:])).astype('f'), RNG.normal(size=(3, 3)).astype('f')
    with DeepExplain.from_keras(model) as de:
        for layer in 'first', 'maps':
            a, g = by_tape(model, layer, xs, ys)
            expected = ORACLES[name](a, g)
            atol = 1e-5 * np.abs(expected).max()
            got = de.explain(name, model.output, model.input, xs, ys, layer=layer, relu=False, upsample=False)
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=atol)
            of_tensor = de.explain(name, model.output, model.input, xs, ys, 2,
                                   layer=model.get_layer(layer).output)
            assert of_tensor.shape == xs.shape and of_tensor.dtype == 'float32' and (of_tensor >= 0).all()
        told = de.explanation(name, model.output, model.input, xs, ys)
        assert told.parameters['layer'] in told.method and told.parameters['layer'] != ''
        np.testing.assert_allclose(told.values, of_tensor, rtol=1e-5, atol=atol)       # 'maps' is it


@pytest.mark.parametrize('name', CAMS)
@pytest.mark.parametrize('rank', [1, 2])
def test_channels_first(name, rank):
    """The same model twice, one with its channels first, whose format its convolutions tell."""
    last, first = model_of(rank), model_of(rank, 'channels_first')
    for a, b in zip(last.layers, first.layers):
        if not isinstance(a, keras.layers.Dense):
            b.set_weights(a.get_weights())
    shape = last.get_layer('maps').output.shape[1:]
    kernel, bias = last.layers[-1].get_weights()
    order = np.arange(np.prod(shape)).reshape(shape)
    first.layers[-1].set_weights([kernel[np.moveaxis(order, -1, 0).ravel()], bias])
    xs, ys = RNG.normal(size=(3, *last.input.shape[1:])).astype('f'), [0, 2, 1]
    moved = np.moveaxis(xs, -1, 1)
    with DeepExplain.from_keras(last) as de:
        expected = de.explain(name, last.output, last.input, xs, ys, layer='maps')
    with DeepExplain.from_keras(first) as de:
        for more in {}, {'data_format': 'channels_first'}:
            got = de.explain(name, first.output, first.input, moved, ys, layer='maps', **more)
            assert got.shape == moved.shape
            np.testing.assert_allclose(got, np.moveaxis(expected, -1, 1), rtol=2e-4,
                                       atol=1e-5 * np.abs(expected).max())


def test_score_cam_by_hand():
    """Every channel scaled to [0, 1] in its row, the image masked with it, one at a time."""
    model = model_of(2)
    kernel, bias = model.get_layer('maps').get_weights()
    model.get_layer('maps').set_weights([kernel, bias - 9 * np.eye(5)[1]])
    xs, ys = RNG.normal(size=(3, 6, 5, 2)).astype('f'), np.array([0, 2, 1])
    b = RNG.normal(size=(6, 5, 2)).astype('f')
    a, _ = by_tape(model, 'maps', xs, np.eye(3, dtype='f')[ys])
    values = np.zeros((3, a.shape[-1]))
    assert (np.ptp(a, (1, 2)) == 0).any()               # a ReLU that is never open, which masks all
    for n, c in np.ndindex(3, a.shape[-1]):
        m = tf.image.resize(a[n, ..., c:c + 1], (6, 5)).numpy().astype(float)
        m = (m - m.min()) / np.ptp(m) if np.ptp(m) else 0 * m
        values[n, c] = model(b[None] + m[None] * (xs[n] - b))[0, ys[n]]
    base = model(b[None]).numpy()[0, ys]
    with DeepExplain.from_keras(model) as de:
        layer = de.tensor('maps')
        for weights in 'increase', 'softmax':
            w = values - base[:, None] if weights == 'increase' else np.exp(values) / np.exp(values).sum(
                1, keepdims=True)
            expected = (a * w[:, None, None]).sum(-1)
            for size in None, 1, 4:
                got = de.explain('score_cam', de.outputs[0], de.inputs[0], xs, ys, size, layer=layer,
                                 weights=weights, baseline=b, relu=False, upsample=False)
                np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_default_layers_and_what_is_none(session):
    x = v1.placeholder(tf.float64, (None, 8, 8, 1), 'x')
    k = tf.constant(RNG.normal(size=(3, 3, 1, 2)))
    first = tf.nn.relu(tf.nn.conv2d(x, k, 1, 'SAME'), name='early')
    one, two = tf.tanh(first, name='one'), tf.sin(first, name='two')
    around = tf.reduce_mean(tf.concat([one, two], -1), [1, 2], keepdims=True)          # 1 x 1: no map
    T = tf.reshape(around, (-1, 4)) @ tf.constant(RNG.normal(size=(4, 3)))
    xs = RNG.normal(size=(3, 8, 8, 1))
    with DeepExplain() as de:
        told = de.explanation('grad_cam', T, x, xs, [0, 1, 2])
        assert told.parameters['layer'] == around.op.inputs[0].name
        assert told.method.startswith('GradCAM(layer=')
        beside = tf.reduce_sum(one, [1, 2]) + tf.reduce_mean(two, [1, 2])              # two branches
        assert de.explanation('fem', beside, x, xs, 'sum').parameters['layer'] == 'early:0'
        with pytest.raises(errors.PathError, match=r'no tensor between X "x:0" and T .* has spatial axes'):
            de.explain('grad_cam', tf.reshape(x, (-1, 64)) @ tf.ones((64, 2), tf.float64), x, xs)
        flat = tf.reshape(first, (-1, 128), name='flat')
        with pytest.raises(errors.TensorError, match=r'"flat:0" has shape \(\?, 128\): "grad_cam" needs'):
            de.explain('grad_cam', tf.reduce_sum(flat, 1), x, xs, layer=flat)
        sequence = tf.reshape(first, (-1, 64, 2), name='sequence')
        with pytest.raises(errors.TensorError, match='has other spatial axes than X "x:0"'):
            de.explain('grad_cam', tf.reduce_sum(sequence, 1), x, xs, layer='sequence:0')
        got = de.explain('grad_cam', tf.reduce_sum(sequence, 1), x, xs, 'sum', layer='sequence:0',
                         upsample=False)
        assert got.shape == (3, 64)
        with pytest.raises(errors.PathError, match='does not depend on layer "one:0"'):
            de.explain('grad_cam', tf.reduce_sum(two, [1, 2]), x, xs, layer='one:0')
    with pytest.raises(errors.ParameterError, match='k must be a number >= 0'):
        methods['fem'](k=-1)
    with pytest.raises(errors.ParameterError, match="interpolation must be one of 'linear'"):
        methods['grad_cam'](interpolation='bilinear')
