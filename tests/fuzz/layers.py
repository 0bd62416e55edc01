"""Random Keras models: vectors, sequences, images; shared and nested layers, augmentation, masks."""

from __future__ import annotations

from typing import Any

import numpy as np

from .programs import Program

ACTIVATION = 'relu tanh sigmoid elu gelu silu softplus softsign selu mish hard_sigmoid hard_silu leaky_relu relu6 exponential linear log_softmax'.split()
VECTOR = [
    'L.Dense(5, {act})({a})', 'L.Dense(8)({a})', 'L.Activation({act})({a})', 'L.LayerNormalization()({a})', 'L.BatchNormalization()({a})',
    'L.UnitNormalization()({a})', 'L.Dropout(.4)({a})', 'L.GaussianNoise(.5)({a})', 'L.GaussianDropout(.4)({a})', 'L.AlphaDropout(.4)({a})',
    'L.ActivityRegularization(.1)({a})', 'L.ReLU(max_value=2., negative_slope=.1, threshold=.2)({a})', 'L.LeakyReLU()({a})', 'L.PReLU()({a})',
    'L.ELU()({a})', 'L.Softmax()({a})', 'L.Rescaling(2., .3)({a})', 'L.RMSNormalization()({a})', 'L.Identity()({a})',
    'L.EinsumDense("ab,bc->ac", 4, bias_axes="c")({a})', 'L.Lambda(lambda t: t * keras.ops.sigmoid(t))({a})', '({a} * 2 - keras.ops.tanh({a}))',
    'shared_dense(L.Dense({width}, {act}), {a})', 'nested([L.Dense(4, {act}), L.Dense(6)], {a})', 'L.Add()([{a}, {b}])', 'L.Multiply()([{a}, {b}])',
    'L.Subtract()([{a}, {b}])', 'L.Average()([{a}, {b}])', 'L.Maximum()([{a}, {b}])', 'L.Minimum()([{a}, {b}])', 'L.Concatenate()([{a}, {b}])',
    'L.Dot(1, normalize=True)([{a}, {b}])', 'L.Reshape((-1, 1))({a})', 'L.RepeatVector(4)({a})', 'keras.ops.where({a} > .1, {a}, {a} / 2)',
    'L.SpectralNormalization(L.Dense(4))({a})', 'keras.ops.logsumexp({a}, 1, keepdims=True) + {a}', 'keras.ops.softmax({a}) * {b}',
]
SEQUENCE = [
    'L.Conv1D(4, 3, padding="same", activation={act})({a})', 'L.Conv1D(3, 2, padding="causal", dilation_rate=2)({a})', 'L.SeparableConv1D(4, 2)({a})',
    'L.DepthwiseConv1D(2, padding="same")({a})', 'L.Conv1DTranspose(3, 2, strides=2)({a})', 'L.MaxPooling1D(2)({a})', 'L.AveragePooling1D(2)({a})',
    'L.GlobalMaxPooling1D()({a})', 'L.GlobalAveragePooling1D()({a})', 'L.LSTM(4, return_sequences=True)({a})', 'L.LSTM(4)({a})',
    'L.GRU(4, return_sequences=True)({a})', 'L.GRU(3, reset_after=False, go_backwards=True)({a})', 'L.SimpleRNN(4)({a})',
    'L.Bidirectional(L.LSTM(3, return_sequences=True))({a})', 'L.Bidirectional(L.GRU(3), merge_mode="mul")({a})', 'L.TimeDistributed(L.Dense(4, {act}))({a})',
    'L.Masking(0.)({a})', 'L.Flatten()({a})', 'L.Permute((2, 1))({a})', 'L.UpSampling1D(2)({a})', 'L.ZeroPadding1D(1)({a})', 'L.Cropping1D(1)({a})',
    'L.MultiHeadAttention(2, 3)({a}, {a})', 'L.MultiHeadAttention(2, 3)({a}, {a}, use_causal_mask=True)', 'L.Attention()([{a}, {a}])',
    'L.AdditiveAttention()([{a}, {a}])', 'L.SpatialDropout1D(.4)({a})', 'L.LayerNormalization()({a})', 'L.BatchNormalization()({a})',
    'L.RNN(L.StackedRNNCells([L.LSTMCell(3), L.GRUCell(4)]))({a})', 'L.Dense(4, {act})({a})', 'L.Add()([{a}, {b}])', 'L.Multiply()([{a}, {b}])',
    'L.GroupNormalization(1)({a})', 'L.GroupQueryAttention(3, 2, 1)({a}, {a})', 'L.Softmax(axis=1)({a})', 'keras.ops.cumsum({a}, 1) * .4',
    'keras.ops.flip({a}, 1)', 'L.LSTM(4, unroll=True)({a})', 'L.AdaptiveAveragePooling1D(2)({a})', 'nested([L.Conv1D(3, 2, activation={act})], {a})',
]
IMAGE = [
    'L.Conv2D(3, 3, padding="same", activation={act})({a})', 'L.Conv2D(4, 2, strides=2)({a})', 'L.Conv2D(2, 2, dilation_rate=2)({a})',
    'L.Conv2DTranspose(2, 2, strides=2)({a})', 'L.SeparableConv2D(4, 2)({a})', 'L.DepthwiseConv2D(2)({a})', 'L.MaxPooling2D(2)({a})',
    'L.MaxPooling2D(3, 1, padding="same")({a})', 'L.AveragePooling2D(2)({a})', 'L.GlobalMaxPooling2D()({a})', 'L.GlobalAveragePooling2D()({a})',
    'L.UpSampling2D(2, interpolation="bilinear")({a})', 'L.ZeroPadding2D(1)({a})', 'L.Cropping2D(1)({a})', 'L.BatchNormalization()({a})',
    'L.GroupNormalization(1)({a})', 'L.RandomFlip()({a})', 'L.RandomRotation(.2)({a})', 'L.RandomTranslation(.1, .1)({a})', 'L.RandomZoom(.2)({a})',
    'L.RandomContrast(.3)({a})', 'L.RandomBrightness(.3)({a})', 'L.RandomCrop(3, 3)({a})', 'L.CenterCrop(3, 3)({a})', 'L.Resizing(5, 4)({a})',
    'L.Rescaling(.5, .1)({a})', 'L.SpatialDropout2D(.4)({a})', 'L.Flatten()({a})', 'L.Permute((2, 1, 3))({a})', 'L.Activation({act})({a})',
    'L.Add()([{a}, {b}])', 'L.Multiply()([{a}, {b}])', 'L.Maximum()([{a}, {b}])', 'squeeze_excite({a})', 'L.Reshape((-1, 2))({a})',
    'L.TimeDistributed(L.Conv1D(2, 2, padding="same"))({a})', 'nested([L.Conv2D(2, 2), L.Activation({act})], {a})', 'L.LayerNormalization()({a})',
    'L.ConvLSTM1D(2, 2)({a})', 'L.PReLU(shared_axes=[1, 2])({a})', 'L.GaussianNoise(.3)({a})', 'L.RandomErasing(1.)({a})', 'L.RandomShear(.2, .2)({a})',
]
TABLES = {2: VECTOR, 3: SEQUENCE, 4: IMAGE}
INPUTS = {2: ['keras.Input((6,))'], 3: ['keras.Input((6, 3))', 'keras.Input((5, 4))'], 4: ['keras.Input((4, 4, 2))', 'keras.Input((5, 4, 1))']}

PRELUDE = '''
def shared_dense(layer, a):
    return layer(layer(a)) - layer(a) / 2 if a.shape[-1] == layer.units else layer(a)

def nested(layers, a):
    return keras.Sequential([keras.Input(a.shape[1:]), *layers])(a)

def squeeze_excite(a):
    s = L.Dense(a.shape[-1], "sigmoid")(L.Dense(3, "silu")(L.GlobalAveragePooling2D(keepdims=True)(a)))
    return L.Multiply()([a, s])

def another_input(a, width):
    global second
    second = keras.Input((width,))
    return L.Concatenate()([a, second])

def head(a):
    return L.Dense(3)(a if len(a.shape) == 2 else L.Flatten()(a))
'''


def random_model(seed: int) -> Program:
    """Grown line by line: a line that does not fit the shape before it is left out."""
    import keras
    rng = np.random.default_rng([seed, 0])
    rank = int(rng.choice([2, 3, 3, 4, 4]))
    lines = [f'h0 = {rng.choice(INPUTS[rank])}']
    shapes = {'h0': 0}
    names: dict[str, Any] = _names(keras)
    wanted = int(rng.integers(2, 8))
    if rank == 3 and rng.random() < .3:
        lines = ['h0 = keras.Input((5,), dtype="int32")']
        exec(lines[0], names)
        lines.append('h1 = L.Embedding(9, 3)(h0)')
        shapes = {'h1': 1}
    elif rank == 2 and rng.random() < .5:
        exec(lines[0], names)
        lines.append(f'h1 = another_input(h0, {int(rng.integers(2, 5))})')
    for _ in range(60):
        if len(lines) > wanted:
            break
        k = len(lines)
        last = f'h{k - 1}'
        exec('\n'.join(lines[-1:]), names)
        rank = len(names[last].shape)
        alike = [n for n in shapes if n != last and names[n].shape == names[last].shape]
        expression = str(rng.choice(TABLES.get(rank, ['L.Flatten()({a})']))).replace('{a}', last) \
            .replace('{b}', str(rng.choice(alike)) if alike else f'L.Dense({names[last].shape[-1]}, {{act}})({last})') \
            .replace('{act}', repr(str(rng.choice(ACTIVATION)))).replace('{width}', str(names[last].shape[-1]))
        try:
            exec(f'_trial = {expression}', names)
            if len(names['_trial'].shape) > 4 or None in names['_trial'].shape[1:] or 0 in names['_trial'].shape[1:] \
                    or np.prod(names['_trial'].shape[1:]) > 300:
                continue
        except Exception:
            continue
        lines.append(f'h{k} = {expression}')
        shapes[f'h{k}'] = k
    lines.append(f'h{len(lines)} = head(h{len(lines) - 1})')
    setting = {'dtype': str(rng.choice(['float32', 'float64'])), 'rows': int(rng.integers(2, 5)), 'ys': str(rng.choice(['none', 'classes', 'weights'])),
               'masked': any('Masking' in line for line in lines)}
    keras.backend.clear_session()
    return Program('model', seed, tuple(lines), setting)


def build(program: Program, rng: np.random.Generator):
    """The model, with weights drawn so that no layer is trivial."""
    import keras
    names = _names(keras)
    exec(''.join(f'{line}\n' for line in program.lines), names)
    inputs = [names['h0'], names['second']] if 'second' in names else names['h0']
    model = keras.Model(inputs, names[program.lines[-1].partition(' = ')[0]])
    for variable in model.weights:
        value = np.array(variable)
        if value.dtype.kind == 'f' or 'float' in str(value.dtype):
            noise = .3 * rng.normal(size=value.shape)
            variable.assign(np.abs(value + noise) + .3 if 'variance' in variable.path else value + noise)
    return model


def _names(keras) -> dict[str, Any]:
    names: dict[str, Any] = {'keras': keras, 'L': keras.layers, 'np': np}
    exec(PRELUDE, names)
    return names
