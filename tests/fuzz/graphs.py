"""Random raw graphs: every tensor has shape (n, 6), so that any line can be left out."""

from __future__ import annotations

import numpy as np

from .programs import Program

WIDTH = 6

PRELUDE = '''
def c(seed, *shape):
    """A constant weight."""
    return tf.constant(np.random.default_rng(seed).normal(size=shape) / np.sqrt(shape[0]), DTYPE)

def bounded(h, at=3.):
    return at * tf.tanh(h / at)

def positive(h):
    return tf.math.softplus(h) + .3

def wide(h, *shape):
    """Entries of a row, again and again, in another shape."""
    return tf.reshape(tf.gather(h, np.arange(np.prod(shape)) * 5 % 7 % 6, axis=1), [-1, *shape])

def six(h):
    flat = tf.reshape(h, [-1, int(np.prod(h.shape[1:]))])
    return tf.gather(flat, np.arange(6) % flat.shape[1], axis=1)

@tf.custom_gradient
def doubled_square(h):
    return h * h, lambda d: 2 * d * h

@tf.custom_gradient
def straight_through(h):
    return tf.sign(h), lambda d: d * tf.cast(tf.abs(h) <= 1, h.dtype)

def while_loop(a, b, step, n=3):
    return tf.while_loop(lambda i, z: i < n, lambda i, z: (i + 1, step(i, z, b)), [0, a])[1]

def after(h, other):
    with tf.control_dependencies([tf.identity(other)]):
        return tf.identity(h)

def recurrent(a, w):
    """A TensorArray over the columns of a row."""
    columns = tf.TensorArray(a.dtype, 6, element_shape=[None]).unstack(tf.transpose(a))
    return tf.while_loop(lambda i, z: i < 6, lambda i, z: (i + 1, tf.tanh(z @ w + columns.read(i)[:, None])), [0, tf.zeros_like(a)])[1]
'''

ONE = [         # of one tensor {a}; {s} is a number for the constants
    'tf.tanh({a})', 'tf.sigmoid({a})', 'tf.nn.relu({a})', 'tf.nn.elu({a})', 'tf.nn.selu({a})', 'tf.nn.leaky_relu({a}, .3)', 'tf.nn.relu6({a} * 3)',
    'tf.math.softplus({a})', 'tf.nn.softsign({a})', 'tf.nn.gelu({a})', 'tf.nn.gelu({a}, True)', 'tf.nn.silu({a})', 'tf.sin({a})', 'tf.cos({a})',
    'tf.exp(bounded({a}))', 'tf.math.expm1(bounded({a}))', 'tf.math.log(positive({a}))', 'tf.math.log1p(positive({a}))', 'tf.sqrt(positive({a}))',
    'tf.math.rsqrt(positive({a}))', 'tf.math.reciprocal(positive({a}))', 'tf.square(bounded({a}))', 'positive(bounded({a})) ** 1.7',
    'tf.math.erf({a})', 'tf.atan({a})', 'tf.asinh({a})', 'tf.sinh(bounded({a}))', 'tf.abs({a})', 'tf.clip_by_value({a}, -.5, .7)',
    'tf.math.bessel_i0e({a})', 'tf.math.bessel_i1e({a})', 'tf.math.lgamma(positive({a}))', 'tf.math.digamma(positive({a}))', 'tf.math.erfc({a})',
    '{a} @ c({s}, 6, 6) + c({s} + 1, 1, 6) / 2', '{a} * c({s}, 1, 6)', '{a} + c({s}, 6)', 'tf.nn.bias_add({a}, c({s}, 6))',
    'tf.nn.softmax({a}) * 2', 'tf.nn.log_softmax({a})', '{a} - tf.reduce_logsumexp({a}, 1, keepdims=True)',
    '({a} - tf.reduce_mean({a}, 1, keepdims=True)) * tf.math.rsqrt(tf.math.reduce_variance({a}, 1, keepdims=True) + .1)',
    '(lambda m: ({a} - m[0]) * tf.math.rsqrt(m[1] + .1))(tf.nn.moments({a}, [1], keepdims=True))',
    '{a} - tf.reduce_max({a}, 1, keepdims=True)', '{a} / 2 + tf.reduce_min({a}, 1, keepdims=True)', 'tf.nn.l2_normalize({a} + 2, 1)',
    '{a} / (1 + tf.norm({a}, axis=1, keepdims=True))', 'tf.reverse({a}, [1])', 'tf.cumsum({a}, 1) / 2', 'tf.math.cumprod(tf.tanh({a}) + 1, 1) / 4',
    'tf.concat(tf.split({a}, [2, 4], 1)[::-1], 1)', 'tf.gather({a}, [3, 1, 1, 0, 5, 2], axis=1)', '{a}[:, :1] + {a}', 'tf.roll({a}, 2, 1)',
    'six(tf.nn.conv2d(wide({a}, 4, 4, 1), c({s}, 2, 2, 1, 2), 1, "VALID"))', 'six(tf.nn.max_pool2d(wide({a}, 4, 4, 1), 3, 2, "SAME"))',
    'six(tf.nn.avg_pool2d(wide({a}, 4, 4, 1), 2, 2, "SAME"))', 'six(tf.nn.conv1d(wide({a}, 5, 2), c({s}, 3, 2, 3), 1, "SAME"))',
    'six(tf.nn.depthwise_conv2d(wide({a}, 4, 4, 2), c({s}, 2, 2, 2, 1), [1, 1, 1, 1], "VALID"))',
    'six(tf.transpose(wide({a}, 3, 3), [0, 2, 1]))', 'tf.sort({a}, 1)', 'six(tf.math.top_k({a}, 3).values)', 'tf.pad({a}[:, 1:5], [[0, 0], [1, 1]], "REFLECT")',
    'tf.pad({a}[:, 1:5], [[0, 0], [1, 1]], constant_values=.3)', 'six(tf.linalg.inv(tf.tanh(wide({a}, 3, 3)) + 4 * tf.eye(3, dtype=DTYPE)))',
    'six(tf.linalg.band_part(wide({a}, 3, 3), 1, 0))', 'six(tf.image.resize(wide({a}, 2, 3, 1), [4, 5]))',
    'tf.transpose(tf.tensor_scatter_nd_add(tf.transpose({a}), [[0], [3]], tf.transpose({a}[:, :2] ** 2)))',
    'tf.transpose(tf.math.unsorted_segment_sum(tf.transpose(tf.tanh({a})), [0, 1, 1, 3, 4, 5], 6))',
    'tf.transpose(tf.math.segment_max(tf.transpose({a}), [0, 1, 2, 2, 3, 5]))',
    'tf.transpose(tf.scatter_nd([[1], [0], [3], [2], [5], [4]], tf.transpose({a}), tf.shape(tf.transpose({a}))))',
    'doubled_square(bounded({a}))', 'tf.grad_pass_through(tf.identity)({a})', 'tf.recompute_grad(lambda h: tf.tanh(h) * h)({a})',
    'tf.function(lambda h: tf.tanh(h) * h + 1)({a})', 'tf.function(lambda h: tf.function(tf.nn.silu)(h) - h / 3)({a})',
    'recurrent({a}, c({s}, 6, 6))', 'tf.scan(lambda z, e: tf.tanh(z + e), tf.transpose({a}))[-1][:, None] + {a}',
    'tf.transpose(tf.map_fn(lambda e: tf.sin(e) * e, tf.transpose({a})))', 'tf.vectorized_map(lambda e: tf.tanh(e) * tf.reduce_sum(e), {a})',
    'tf.map_fn(lambda e: tf.tanh(e) * tf.reduce_sum(e), {a})', 'tf.where(tf.math.is_nan({a}), 0 * {a}, {a})', 'tf.ensure_shape({a}, [None, 6])',
    'six(tf.linalg.diag(tf.tanh({a})))', 'tf.linalg.matvec(c({s}, 6, 6), {a})', 'six(tf.einsum("ni,ij->nj", {a}, c({s}, 6, 4)))',
    'six(tf.nn.conv2d_transpose(wide({a}, 3, 3, 1), c({s}, 2, 2, 2, 1), [tf.shape({a})[0], 6, 6, 2], 2))', 'tf.nn.swish({a}) + tf.stop_gradient(c({s}, 6))',
    'six(tf.signal.frame({a}, 3, 1)) * .5', 'tf.abs(tf.signal.rfft({a}))[:, :1] + {a}',
]
TWO = [         # of two tensors
    'bounded({a}) * bounded({b})', '{a} / positive({b})', '{a} - {b}', 'tf.sigmoid({a}) * {b}', 'tf.maximum({a}, {b})', 'tf.minimum({a}, {b} + .2)',
    'tf.math.squared_difference(bounded({a}), bounded({b}))', 'positive(bounded({a})) ** bounded({b}, 2.)', 'tf.math.xlogy({a}, positive({b}))',
    'six(tf.einsum("ni,nj->nij", bounded({a}), bounded({b})))', 'six(wide(bounded({a}), 3, 3) @ tf.transpose(wide({b}, 3, 3), [0, 2, 1]) / 3)',
    'tf.atan2({a}, positive({b}))', 'tf.math.divide_no_nan({a}, positive({b}))', 'tf.concat([{a}[:, 2:], {b}[:, :2]], 1)',
    '{a} + tf.nn.softmax_cross_entropy_with_logits(tf.nn.softmax({b}), {a})[:, None]', 'tf.add_n([{a}, {b}, {a}])',
    'six(tf.nn.softmax(wide({a}, 3, 2) @ tf.transpose(wide({b}, 3, 2), [0, 2, 1])) @ wide({a}, 3, 2))',
    'while_loop({a}, {b}, lambda i, z, b: tf.tanh(z @ c({s}, 6, 6) + b))', 'while_loop({a}, {b}, lambda i, z, b: tf.sigmoid(z) * b + z / 2)',
    'while_loop({a}, {b}, lambda i, z, b: tf.where(z > b, z / 2, tf.sin(z)))', 'while_loop({a}, {b}, lambda i, z, b: tf.cond(i % 2 > 0, lambda: tf.tanh(z) * b, lambda: z / 2))',
    'while_loop({a}, {b}, lambda i, z, b: while_loop(z, b, lambda j, u, v: tf.tanh(u + v), 2) * b / 2)',
    'while_loop({a}, {b}, lambda i, z, b: z * .5 + tf.sin(b) * z[:, i:i + 1])', 'while_loop({a}, {b}, lambda i, z, b: z / 2 + tf.gather(b, i, axis=1)[:, None])',
    'while_loop({a}, {b}, lambda i, z, b: z / 2 + tf.reduce_sum(tf.tanh(b[:, :i + 1]), 1, keepdims=True))',
    'tf.cond(P, lambda: tf.sigmoid({a}) * {b}, lambda: {a} - tf.square(bounded({b})))', 'tf.cond(P, lambda: {a} * 1., lambda: {b} * 1.)',
    'tf.switch_case(tf.cast(P, tf.int32), [lambda: tf.tanh({a}), lambda: tf.nn.relu({b}) + {a}])',
    'tf.where({a} > .1, {b}, {a} / 2)', 'tf.where(({a} > {b}) & ~({b} < -.3), {a}, 1 - {b})', 'tf.nn.softmax(tf.where({a} > {b}, {a}, tf.constant(-1e9, DTYPE)))',
    'after({a}, {b})', 'after(c({s}, 1, 6), {a}) * {a}', 'tf.function(lambda h, g: tf.cond(P, lambda: tf.tanh(h) * g, lambda: h - g))({a}, {b})',
    'six(tf.matmul({a}[:, :, None], {b}[:, None, :]))', 'six(tf.linalg.solve(tf.tanh(wide({a}, 3, 3)) + 4 * tf.eye(3, dtype=DTYPE), wide({b}, 3, 3)))',
    'tf.tensordot({a}, c({s}, 6, 6), 1) * tf.tanh({b})', 'tf.math.multiply_no_nan({a}, tf.tanh({b}))', 'tf.identity_n([{a}, {b}])[0]',
    'tf.case([(P, lambda: tf.nn.relu({a}))], default=lambda: tf.nn.elu({b}))', 'tf.stack([{a}, {b}], 1)[:, 1] * .5 + {a}',
]
LOSING = [      # values pass and gradients do not, or not all of them: an error or a warning is wanted
    '{b} + tf.sign({a}) / 2', '{b} + tf.round({a})', '{b} + tf.cast(tf.cast({a} * 3, tf.int32), DTYPE)', 'tf.one_hot(tf.argmax({a}, 1), 6, dtype=DTYPE) * {b}',
    '{b} - tf.stop_gradient({a})', 'tf.exp(bounded({b}) - tf.stop_gradient(tf.reduce_max(bounded({b}), 1, keepdims=True)))', '{b} * tf.stop_gradient({b})',
    'straight_through({a}) + {b} / 2', 'tf.floor({a}) + {b}', 'tf.gather(c({s}, 9), tf.cast(tf.abs(bounded({a})) * 2, tf.int32)) + {b}', '{b} + tf.cast({a} > {b}, DTYPE)',
    'tf.transpose(tf.pad(tf.transpose({b}[:, 1:5]), [[1, 1], [0, 0]], constant_values=0)) + tf.math.ceil({a})', 'tf.cast(tf.cast({a}, tf.float16), DTYPE) + {b}',
]
MIXING = [      # a row depends on the others: an error is wanted
    'tf.maximum({a}, tf.reduce_max({a}) - 1.)', 'tf.nn.softmax({a}, axis=0)', 'tf.nn.softmax(tf.tanh({a}) @ tf.transpose(tf.tanh({a}))) @ tf.tanh({a})',
    'tf.cumsum(tf.tanh({a}), 0)', 'tf.tanh({a}) - tf.tanh({a})[:1]', '2 * tf.nn.softmax({a}) - tf.reduce_mean(tf.nn.softmax({a}), 0, keepdims=True)',
    '{a} / tf.cast(tf.shape({a})[0], DTYPE)', 'tf.roll({a}, 1, 0)', 'tf.reverse({a}, [0])', '{a} * tf.cast(tf.range(1, tf.shape({a})[0] + 1), DTYPE)[:, None]',
    'tf.sort({a}, 0)', '{a} - tf.tanh({a})[-1:]', 'tf.scan(lambda z, e: tf.tanh(z + e), {a})', '({a} - tf.nn.moments({a}, [0])[0]) * .7',
    'tf.linalg.l2_normalize({a}, 0)', '{a} + tf.reduce_sum(tf.tanh({a}), 0)',
    'tf.concat([{a}[1:], {a}[:1]], 0)', 'tf.reshape(tf.transpose(tf.reshape({a}, [-1, tf.shape({a})[0]])), [-1, 6])',
]


def random_graph(seed: int) -> Program:
    rng = np.random.default_rng([seed, 0])
    lines = []
    special, kind = {}, rng.random()
    if kind < .4:
        special[int(rng.integers(2, 6))] = str(rng.choice(MIXING if kind < .2 else LOSING))
    for k in range(1, int(rng.integers(3, 13))):
        a, b = (f'h{max(0, k - 1 - int(rng.choice([0, 0, 0, 1, 2, 4])))}' for _ in range(2))
        template = special.get(k) or str(rng.choice(ONE if rng.random() < .6 else TWO))
        lines.append(f'h{k} = ' + template.replace('{a}', a).replace('{b}', b).replace('{s}', str(int(rng.integers(50)))))
    setting = {'way': str(rng.choice(['session', 'session', 'session without v2 control flow', 'from_function', 'from_graph_def'])),
               'dtype': str(rng.choice(['float64', 'float64', 'float32'])), 'rows': int(rng.integers(2, 6)),
               'ys': str(rng.choice(['none', 'classes', 'weights', 'one unit'])), 'P': bool(rng.integers(2)), 'mixes': kind < .2}
    return Program('graph', seed, tuple(lines), setting)
