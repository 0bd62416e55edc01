"""Hand-computed networks that other libraries test with; sources beside each."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain
from tests.support.networks import v1

relu = tf.nn.relu


def explain(method, f, xs, dtype=tf.float64, ys=None, **parameters):
    """Attributions of f at xs (a list of arrays for several inputs)."""
    many = isinstance(xs, tuple)
    arrays = [np.array(x, float) for x in (xs if many else [xs])]
    with tf.Graph().as_default(), v1.Session(), DeepExplain() as de:
        X = [v1.placeholder(dtype, (None, *a.shape[1:])) for a in arrays]
        T = f(*X)
        return de.explain(method, T, X if many else X[0], arrays if many else arrays[0], ys=ys, **parameters)


def simpler(x):
    """relu(relu(x1 - 1) - relu(x2)): DeepExplain test_tensorflow.py, Captum BasicModel3."""
    return relu(relu(x[:, :1] - 1) - relu(x[:, 1:]))


@pytest.mark.parametrize('method, expected, parameters', [
    ('saliency', (1, 1), {}),
    ('grad*input', (3, -1), {}),
    ('intgrad', (1.5, -.5), {'steps': 2000, 'quadrature': 'riemann_middle'}),
    ('elrp', (3, -1), {'epsilon': 1e-9}),
    ('deeplift', (2, -1), {}),
    ('occlusion', (1, -1), {}),
    ('occlusion', (.5, .5), {'window_shape': (2,)}),
    ('shapley_sampling', (1.5, -.5), {'samples': 2000}),
])
def test_simpler_model(method, expected, parameters):
    a = explain(method, simpler, [[3, 1], [-10, -5]], **parameters)
    # intgrad: kinks between points, 1/(2 * 2000) * 3; shapley: two orders, standard error .5/sqrt(2000) =
    # .011
    np.testing.assert_allclose(a, [expected, (0, 0)], atol={'intgrad': 1e-3,
                                                            'shapley_sampling': .04}.get(method, 1e-8))


def test_simpler_model_with_a_baseline():
    """Captum: x = (2, 0) and (3, 0) from the reference (1, 0)."""
    for method in 'intgrad', 'deeplift':
        np.testing.assert_allclose(explain(method, simpler, [[2, 0], [3, 0]], baseline=[1, 0]),
                                   [[1, 0], [2, 0]], atol=1e-9)


def test_implementation_invariance_of_intgrad():
    """relu(relu(x1) - 1 - relu(x2)) computes the same function: Captum BasicModel2."""
    a = explain('intgrad', lambda x: relu(relu(x[:, :1]) - 1 - relu(x[:, 1:])), [[3, 1]], steps=2000,
                quadrature='riemann_middle')
    np.testing.assert_allclose(a, [[1.5, -.5]], atol=1e-3)


@pytest.mark.parametrize('method', ['elrp', 'deeplift', 'intgrad', 'grad*input'])
def test_two_inputs(method):
    """relu of 3 x1 and 2 x2 joined: DeepExplain."""
    a, b = explain(method, lambda x, y: relu(tf.concat([3 * x, 2 * y], 1)), ([[-10, -5]], [[3, 1]]))
    np.testing.assert_allclose(a, [[0, 0]])
    np.testing.assert_allclose(b, [[6, 2]], rtol=1e-4)          # elrp: epsilon / z = 5e-5


def test_minimum_has_known_shapley_values():
    a = explain('shapley_sampling', lambda x: tf.reduce_min(x, 1), [[2, -2], [4, 2]], samples=3000)
    np.testing.assert_allclose(a, [[0, -2], [1, 1]], atol=.1)   # standard error 2/sqrt(3000) = .037
    a = explain('shapley_sampling', lambda x: tf.reduce_min(x, [1, 2]), [[[-1, 4], [-2, 1]]], samples=3000,
                sampling_dims=[1])
    np.testing.assert_allclose(a, [[-.5, -1.5]], atol=.06)


def test_relu_model_of_captum():
    """2 relu(x1) + 2 relu(x2 - 1.5) at (1, 2): ReLUDeepLiftModel."""
    f = lambda x: 2 * relu(x[:, 0]) + 2 * relu(x[:, 1] - 1.5)  # noqa: E731
    np.testing.assert_allclose(explain('deeplift', f, [[1, 2]]), [[2, 1]])
    np.testing.assert_allclose(explain('intgrad', f, [[1, 2]], steps=4000, quadrature='riemann_middle'),
                               [[2, 1]], atol=1e-3)


def multilayer(x):
    """BasicModel_MultiLayer of Captum: f(20, 50, 30) = 392, f(0) = 2, for the first output."""
    h = relu(tf.reduce_sum(x, 1, keepdims=True) + np.array([-10., 1, 1, 1]))
    return tf.reduce_sum(h, 1) - 1


def test_captum_multilayer():
    np.testing.assert_allclose(explain('occlusion', multilayer, [[20, 50, 30], [2, 10, 3]]),
                               [[80, 200, 120], [8, 35, 12]])
    a = explain('shapley_sampling', multilayer, [[20, 50, 30], [2, 10, 3]], samples=4000)
    # values differ by up to 10 between orders
    np.testing.assert_allclose(a, [[230 / 3, 590 / 3, 350 / 3], [7, 32.5, 10.5]], atol=.6)
    a = explain('occlusion', multilayer, [[20, 50, 30]], baseline=4)
    np.testing.assert_allclose(a, [[64, 184, 104]])


def test_captum_multilayer_windows():
    """Window 2, step 1, baseline 10: Captum adds the two drops 200 and 240 up; here a window's drop is shared
    by its 2 features."""
    a = explain('occlusion', multilayer, [[20, 50, 30]], window_shape=2, baseline=10)
    np.testing.assert_allclose(a, [[100, 110, 120]])


def conv_net(x):
    """Captum BasicModel_ConvNet_One_Conv on arange(16): f = 54."""
    h = relu(tf.nn.conv2d(x, np.ones((3, 3, 1, 2)), 1, 'VALID') + np.array([-50., -75]))
    h = tf.reshape(tf.transpose(h, [0, 3, 1, 2]), [-1, 8])
    return relu(h @ np.array([1.] * 5 + [-1.] * 3)[:, None])


def test_captum_convolution():
    image = np.arange(16.).reshape(1, 4, 4, 1)
    expected = [[0, 1, 2, 3], [0, 5, 6, 7], [0, 9, 10, 11], [0, 0, 0, 0]]
    for method, parameters in ('elrp', {'epsilon': 1e-9}), ('grad*input', {}):
        np.testing.assert_allclose(explain(method, conv_net, image, **parameters)[0, :, :, 0], expected,
                                   atol=1e-8)


def test_captum_simple_lrp():
    for x, f, expected in [
            ([[1, 2, 3]], lambda x: relu(x @ np.full((3, 3), 2.)) @ np.full((3, 1), 3.), (18, 36, 54)),
            ([[2, 3]], lambda x: (x @ np.full((2, 2), 5.) + x)[:, 1], (10, 18)),
            ([[1, 2, 3]], lambda x: tf.tanh(x @ np.full((3, 3), .1)) @ np.full((3, 1), .1),
             (.0269, .0537, .0806))]:
        np.testing.assert_allclose(explain('elrp', f, x, epsilon=1e-9), [expected], atol=5e-5)


def test_max_pooling_passes_to_the_winner():
    pool = lambda x: tf.nn.max_pool2d(x, 2, 2, 'VALID')  # noqa: E731
    x = np.array([1., 2, 5, 6]).reshape(1, 2, 2, 1)
    for method in 'elrp', 'deeplift':
        np.testing.assert_allclose(explain(method, pool, x).ravel(), [0, 0, 0, 6])


def test_rescale_multipliers_of_kundajelab():
    """Dense (1, 2, 3, 4), bias -1 and its negative, relu; x = 1s and 2s, reference 0: multipliers .9, .95 and
    .1, .05 of the weights."""
    w = np.array([1., 2, 3, 4])
    for sign, factors in (1, (.9, .95)), (-1, (.1, .05)):
        f = lambda x, sign=sign: relu(x @ (sign * w)[:, None] - sign)  # noqa: E731
        a = explain('deeplift', f, [[1] * 4, [2] * 4])
        np.testing.assert_allclose(a, sign * np.outer(factors, w) * [[1], [2]])


def test_rescale_of_a_minimum():
    """i1 - relu(i1 - i2): all to the smaller one, derived from the rule."""
    f = lambda x: x[:, 0] - relu(x[:, 0] - x[:, 1])  # noqa: E731
    np.testing.assert_allclose(explain('deeplift', f, [[10, 6], [10, 10]]), [[0, 6], [10, 0]])


def test_toy_model_of_captum():
    """README of Captum: dense, relu, dense; integrated gradients and DeepLIFT for the first output."""
    w1, w2 = np.arange(-4., 5).reshape(3, 3), np.arange(-3., 3).reshape(2, 3)
    x = [[.29611194, .5165623, .25167072], [.6885568, .07397246, .86652195]]
    for method in 'intgrad', 'deeplift':
        a = explain(method, lambda x: relu(x @ w1.T) @ w2.T + 1, x, ys=np.array([0, 0]))
        np.testing.assert_allclose(a, [[-.5922, -1.5497, -1.0067], [0, -.2219, -5.1991]], atol=5e-5)


def test_linear_model_gives_its_terms():
    """(x - mean) * coefficient, for every complete method and any quadrature."""
    w, mean, x = np.array([1., -2, 3, .5]), np.array([.1, .2, -.3, 1]), [[1., 2, 3, 4], [-1, 0, .5, 2]]
    f = lambda x: x @ w[:, None] + 7.  # noqa: E731
    cases = [('intgrad', {'steps': n, 'quadrature': q}) for q in ('gausslegendre', 'riemann_right',
                                                                  'riemann_middle', 'trapezoid')
             for n in (2, 10)]
    for method, parameters in [*cases, ('deeplift', {}), ('shapley_sampling', {'samples': 1}),
                               ('occlusion', {})]:
        np.testing.assert_allclose(explain(method, f, x, baseline=mean, **parameters), (x - mean) * w,
                                   atol=1e-12)


def test_right_sum_is_the_predecessors():
    """The integral of 2x from 0 to 2 in ten right steps: 4.4; the exact 4 with Gauss-Legendre."""
    for quadrature, expected in ('riemann_right', 4.4), ('gausslegendre',
                                                         4), ('riemann_middle', 4), ('trapezoid', 4):
        np.testing.assert_allclose(explain('intgrad', lambda x: x ** 2, [[2.]], steps=10,
                                           quadrature=quadrature), [[expected]])
