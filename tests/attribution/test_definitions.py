"""Every method beside its definition: slow, in float64, on nets with all activations."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tests.support.counting import occluded
from tests.support.few import ANYWHERE, coarse, few
from tests.support.networks import ACTIVATIONS, cnn, mlp, opened, samples

NETS = {name: mlp(name, 'tanh' if name == 'relu' else 'relu', seed=k) for k, name in enumerate(ACTIVATIONS)}
NETS |= {f'cnn_{name}': cnn(name, seed=k) for k, name in enumerate(['relu', 'elu', 'softsign'])}


def integrated(net, x, ys, b, steps):
    """The right Riemann sum, one point at a time."""
    return (x - b) * sum(net.gradient(b + k / steps * (x - b), ys) for k in range(1, steps + 1)) / steps


def shapley(net, x, ys, b):
    """The mean over all coalitions, weighted as Shapley (1953) has it; features are the last axis'
    positions."""
    d, b = x.shape[1], np.broadcast_to(b, x.shape)
    result = np.zeros(x.shape)
    for i in range(d):
        others = [j for j in range(d) if j != i]
        for size in range(d):
            weight = 1 / (d * len(list(itertools.combinations(others, size))))
            for coalition in itertools.combinations(others, size):
                present = np.isin(np.arange(d), coalition)
                with_i = present | (np.arange(d) == i)
                result[:, i] += weight * (net.f(np.where(with_i, x, b),
                                                ys) - net.f(np.where(present, x, b), ys))
    return result


def at_relu(net, x, ys, gated):
    """Gradients at ReLU: positive ones alone, where z passes (gated) or everywhere; others as they are."""
    def rule(name, k, r, values):
        slope = ACTIVATIONS[name][2](values[k])
        if name in ('relu', 'relu6'):
            return np.maximum(r, 0) * (slope if gated else 1)
        return r * slope
    return net.backward(x, ys, rule)
# beside their definitions in test files of their own
OWN_FILES = {'hsic', 'lime', 'meaningful_perturbation', 'owen', 'rise', 'sobol'}


@pytest.fixture(params=NETS)
def net(request):
    return NETS[request.param]


def test_forward_agrees(net):
    """The two sides of a net are the same function."""
    x, _ = samples(net, 4)
    with opened(net) as (_, X, T, session):
        np.testing.assert_allclose(session.run(T, {X: x}), net.forward(x)[-1], rtol=1e-12)


@pytest.mark.parametrize('name', sorted({*ANYWHERE} - OWN_FILES))
def test_definition(net, name):
    x, ys = samples(net, 3)
    b = np.random.default_rng(5).normal(size=net.shape)
    window, step = ((2, 2, 1), (1, 2, 1)) if x.ndim == 4 else ((2,), (1,))
    parameters = {'intgrad': {'baseline': b, 'steps': 7, 'quadrature': 'riemann_right'},
                  'elrp': {'epsilon': .01}, 'lrp': {'epsilon': .01},
                  'internal_influence': {'baseline': b, 'steps': 7, 'quadrature': 'riemann_right'},
                  'layer_intgrad': {'baseline': b, 'steps': 7, 'quadrature': 'riemann_right'},
                  'layer_conductance': {'baseline': b, 'steps': 7}, 'layer_deeplift': {'baseline': b},
                  'deeplift': {'baseline': b}, 'occlusion': {'baseline': b, 'window_shape': window,
                                                             'step': step},
                  'shapley_sampling': {'baseline': b, 'samples': 6000}, 'shapley': {'baseline': b},
                  'kernel_shap': {'baseline': b}}.get(name, {})
    noisy = np.stack([net.gradient(x + .15 * np.ptp(x, tuple(range(1, x.ndim)), keepdims=True)
                                   * np.random.default_rng([0, k]).standard_normal(net.shape), ys)
                      for k in range(50)]) if name in ('smoothgrad', 'squaregrad', 'vargrad') else None
    if name in ('shapley', 'kernel_shap', 'shapley_sampling') and x.ndim > 2:
        pytest.skip('the exact value takes 2 ** features coalitions: tested on the dense nets')
    expected = {
        'gradient': lambda: net.gradient(x, ys), 'smoothgrad': lambda: noisy.mean(0),
        'squaregrad': lambda: (noisy ** 2).mean(0), 'vargrad': lambda: noisy.var(0, ddof=1),
        'saliency': lambda: np.abs(net.gradient(x, ys)),
        'grad*input': lambda: net.gradient(x, ys) * x,
        'intgrad': lambda: integrated(net, x, ys, b, 7),
        'elrp': lambda: net.elrp(x, ys, .01),
        'lrp': lambda: net.lrp(x, ys, .01),
        'deeplift': lambda: net.deeplift(x, ys, b),
        # of X as the layer; of others in test_layer_methods.py
        'internal_influence': lambda: integrated(net, x, ys, b, 7) / (x - b),
        'layer_intgrad': lambda: integrated(net, x, ys, b, 7),
        'layer_conductance': lambda: (integrated(net, x, ys, b, 7) + (x - b) / 14 * (
            net.gradient(np.broadcast_to(b, x.shape), ys) - net.gradient(x, ys))),
        'layer_deeplift': lambda: net.deeplift(x, ys, b),
        'layer_gradient_x_activation': lambda: net.gradient(x, ys) * x,
        'guided_backprop': lambda: at_relu(net, x, ys, True),
        'deconvnet': lambda: at_relu(net, x, ys, False),
        'occlusion': lambda: occluded(net, x, ys, b, window, step),
        **dict.fromkeys(('shapley_sampling', 'shapley', 'kernel_shap'), lambda: shapley(net, x, ys, b)),
    }[name]()
    with opened(net) as (de, X, T, _):
        got = de.explain(name, T, X, x, ys=ys, **parameters)
    # Shapley: the marginals of a feature spread by about a third of the largest value; 6 standard errors at
    # 6000 permutations.
    tolerance = .03 if name == 'shapley_sampling' else 1e-9
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=tolerance * np.nanmax(np.abs(expected)))


@pytest.mark.parametrize('name', [n for n in NETS if n.startswith('cnn')])
def test_gradient_of_max_pooling(name):
    """max_pooling='gradient' is the rule of the predecessor."""
    net = NETS[name]
    x, ys = samples(net, 3)
    b = np.random.default_rng(5).normal(size=net.shape)
    with opened(net) as (de, X, T, _):
        got = de.explain('deeplift', T, X, x, ys=ys, baseline=b, max_pooling='gradient')
    np.testing.assert_allclose(got, net.deeplift(x, ys, b, cross=False), rtol=1e-9, atol=1e-9)
    assert np.abs(got - net.deeplift(x, ys, b)).max() > 1e-3


def test_shapley_with_all_permutations_is_exact(monkeypatch):
    """With each order drawn once the estimate is the Shapley value itself."""
    from deepexplain2.attribution.perturbation import shapley_sampling
    from deepexplain2.features.permutations import Permutation
    net = mlp('softplus', 'relu', sizes=(4, 6, 3), seed=3)
    orders = [np.array(o) for o in itertools.permutations(range(4))]
    monkeypatch.setattr(shapley_sampling, 'permutation',
                        lambda seed, k, m, antithetic: Permutation(np.argsort(orders[k]), orders[k]))
    x, ys = samples(net, 3)
    with opened(net) as (de, X, T, _):
        for batch_size in (None, 5):
            got = de.get_explainer('shapley_sampling', T, X, samples=24, baseline=.3).run(x, ys, batch_size)
            np.testing.assert_allclose(got, shapley(net, x, ys, .3), atol=1e-10)


def test_shapley_of_pixels_with_their_channels():
    """Players are positions along sampling_dims: the same game played by hand with the permutations of the
    library."""
    from deepexplain2.features.permutations import permutation
    net = cnn('tanh')
    x, ys = samples(net, 2)
    with opened(net) as (de, X, T, _):
        for dims, shape in ([1, 2], (6, 6)), ([2], (6,)), ([3, 1], (6, 2)):
            got = de.explain('shapley_sampling', T, X, x, ys=ys, samples=2, sampling_dims=dims, baseline=.1,
                             seed=4)
            assert got.shape == (2, *shape)
            expected = np.zeros((2, *shape))
            axes = sorted(dims)
            for k in range(2):
                present = np.full(x.shape, .1)
                for player in permutation(4, k, int(np.prod(shape)), True).order:
                    before = net.f(present, ys)
                    position = np.unravel_index(player, shape)
                    where = [slice(None)] * 4
                    for axis, p in zip(axes, position):
                        where[axis] = p
                    present[tuple(where)] = x[tuple(where)]
                    expected[(slice(None), *position)] += (net.f(present, ys) - before) / 2
            np.testing.assert_allclose(got, expected, atol=1e-10)


@pytest.mark.parametrize('quadrature', ['gausslegendre', 'riemann_middle', 'trapezoid', 'riemann_right'])
def test_intgrad_converges_to_completeness(quadrature):
    net = mlp('tanh', 'softplus')
    x, ys = samples(net, 4)
    total = net.f(x, ys) - net.f(np.zeros_like(x), ys)
    with opened(net) as (de, X, T, _):
        gaps = [np.abs(de.explain('intgrad', T, X, x, ys=ys, steps=n,
                                  quadrature=quadrature).sum(1) - total).max() for n in (10, 40)]
    # Errors of the sums: 1/n (right), 1/n^2 (middle, trapezoid), exponential (Gauss)
    assert gaps[1] < gaps[0] / {'riemann_right': 3, 'gausslegendre': 100}.get(quadrature, 10)


def test_float32_is_float64_rounded():
    net = cnn('elu')
    x, ys = samples(net, 3)
    # whose gradient descent magnifies rounding
    for method in (coarse(few(name)) for name in ANYWHERE if name != 'meaningful_perturbation'):
        with opened(net, tf.float32) as (de, X, T, _):
            got = de.explain(method, T, X, x, ys=ys)
        with opened(net) as (de, X, T, _):
            exact = de.explain(method, T, X, x, ys=ys)
        np.testing.assert_allclose(got, exact, atol=2e-5 * np.abs(exact).max())
