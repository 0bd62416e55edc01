"""Graphs where sums are lost most easily: far out, ties, guards, masks, infinite bounds."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import errors
from tests.support.networks import v1
from tests.support.random_graphs import Case
from tests.support.side_by_side import SideBySide

V, W = np.random.default_rng(0).normal(size=(2, 4, 3))
TIES = np.array([[1., 1, 0], [2, 0, 2], [-1, -1, -1], [0, 3, 3]])


def pooled(t):
    return tf.nn.max_pool2d(tf.reshape(tf.concat([t] * 3, 1), [-1, 3, 3, 1]), 2, 1,
                            'SAME') * tf.constant(np.arange(9.).reshape(3, 3, 1), t.dtype)


def pairs(t):
    return tf.complex(t[:, :2], t[:, 1:])


def clipped(t):
    return tf.raw_ops.ClipByValue(t=t, clip_value_min=-tf.abs(t[:, ::-1]), clip_value_max=tf.abs(tf.sin(t)))


ADVERSARIAL = {                                             # name -> (T of x, xs, baseline)
    'sine far out': (lambda t: tf.sin(t) - tf.cos(t), V * 1e4, W * 1e4),
    'sine far out, near each other': (lambda t: tf.sin(t) - tf.cos(t), V * 1e4, V * 1e4 + W / 100),
    'softmax far from its reference': (lambda t: tf.nn.softmax(t) * t[:, :1] / 1e4, V * 1e4, W),
    'cross-entropy far from its reference': (lambda t: tf.nn.softmax_cross_entropy_with_logits(
        tf.tile(tf.constant([[1., 0, 0]], t.dtype), [tf.shape(t)[0], 1]), t), V * 1e4, W),
    'saturation': (lambda t: sum(f(t) for f in (tf.tanh, tf.sigmoid, tf.nn.elu, tf.nn.softplus, tf.nn.gelu,
                                                tf.nn.silu)), V * 1e4, W * 1e4),
    'poles of digamma': (tf.math.digamma, np.array([[-5.9, -1.2]]), np.array([[-6.05, -.95]])),
    'an infinite bound': (lambda t: tf.where(t < np.inf, t * t, t), V, W),
    'a branch that is NaN where it is not taken': (lambda t: tf.where(t > 0, tf.math.log(t), tf.sqrt(-t)), V,
                                                   W),
    'both branches NaN where they are not taken': (lambda t: tf.where(t > 0, tf.math.log(t), tf.math.log(-t)),
                                                   V, W),
    'a quotient guarded at zero': (lambda t: tf.where(tf.equal(t, 0), tf.ones_like(t), tf.sin(t) / t), TIES,
                                   V),
    'entropy at zero': (lambda t: tf.math.xlogy(t, t) + tf.math.xdivy(t * t, t), np.abs(TIES), np.abs(V)),
    'clip in one op': (clipped, V, W),
               'norm in one op': (lambda t: tf.raw_ops.EuclideanNorm(input=t, axis=[1]), V, -V / 2),
    'modulus': (lambda t: tf.abs(pairs(t)), V, -V / 2), 'spectrum': (lambda t: tf.abs(tf.signal.rfft(t)), V,
                                                                     W),
    'complex product': (lambda t: tf.math.imag(pairs(t) * tf.math.conj(pairs(tf.tanh(t)))), V, W),
    'complex exponential': (lambda t: tf.math.real(tf.exp(pairs(t)) / (pairs(t) ** 2 + 20)), V, W),
    'ties in a maximum': (lambda t: tf.reduce_max(t, 1) * tf.reduce_min(t, 1), TIES, np.round(V)),
    'ties in overlapping windows': (pooled, TIES, 0 * TIES),
    'x is the baseline': (lambda t: tf.nn.softmax(t) * tf.where(t > 0, t, 1.)
                          + tf.reduce_max(t, 1, keepdims=True), TIES, TIES),
    'stacked conditions': (lambda t: tf.where(tf.stack([t[:, 0] > 0, t[:, 1] > .3, t[:, 2] < 0], 1), t,
                                              t * t), V, W),
    'joined conditions': (lambda t: tf.where(tf.concat([t[:, :1] > 0, t[:, 1:] > .5], 1), t, t * t), V, W),
    'chosen conditions': (lambda t: tf.where(tf.where(t > .5, t < 1, t > -.5), t, t * t), V, W),
    'equal conditions': (lambda t: tf.where(tf.equal(t > 0, t[:, ::-1] > 0), t, t * t)
                         + tf.cast(tf.not_equal(t > 1, t[:, ::-1] > 0), t.dtype), V, W),
    'numbers as conditions': (lambda t: tf.where(tf.cast(tf.nn.relu(t), tf.bool), t + 1, t * t), TIES,
                              np.round(W)),
    'conditions as integers': (lambda t: t * tf.cast(tf.cast(t > .2, tf.int32), t.dtype), V, W),
    'batch behind': (lambda t: tf.transpose(tf.nn.softmax(tf.transpose(t),
                                                          0) * tf.reduce_max(tf.transpose(t), 0)), V, W[:1]),
    'a condition of rows': (lambda t: v1.where(t[:, 0] > 0, tf.einsum('ni,nj->nij', t, t),
                                               tf.einsum('ni,nj->nij', tf.tanh(t), t)), V, W[:1]),
    'masked by X': (lambda t: tf.nn.softmax(tf.where(t > 0, t, -1e9)) * t, V, W),
    'all masked': (lambda t: tf.nn.softmax(tf.where(t > 9, t, -1e9)) * t, V, W),
    'minus infinity': (lambda t: tf.nn.softmax(tf.where([True, False, True], t, -np.inf)) * t + tf.reduce_max(
        tf.where([True, False, True], t, -np.inf), 1, keepdims=True), V, W),
}


def joined(shared):
    """The cases with one baseline for all rows, or with one per row."""
    return {name: case for name, case in ADVERSARIAL.items() if (len(case[2]) < len(case[1])) == shared}


@pytest.mark.parametrize('shared', [False, True], ids=['a baseline per row', 'one baseline'])
@pytest.mark.parametrize('dtype, tolerance', [('float64', 1e-9), ('float32', 1e-4)])
def test_adversarial(dtype, tolerance, shared):
    cases = joined(shared)
    xs, starts = ({name: np.broadcast_to(case[k], (4, case[k].shape[1])).astype(dtype)
                   for name, case in cases.items()} for k in (1, 2))
    with SideBySide({name: (make, x.shape[1]) for name, (make, x, _) in cases.items()}, dtype) as graphs, \
            warnings.catch_warnings():
        warnings.simplefilter('error')
        warnings.simplefilter('ignore', errors.TargetWarning)
        warnings.simplefilter('ignore', errors.MagnitudeWarning)       # logits of -1e9 behind a mask cancel
        baseline = {name: b[:1] if shared else b for name, b in starts.items()}
        found, f, f_ref = graphs.explain('deeplift', xs, baseline,
                                         average=False), graphs.f(xs), graphs.f(starts)
    for name, a in found.items():
        a, change = a.astype(float), f[name] - f_ref[name]
        scale = np.maximum(1, np.maximum(np.abs(change), np.abs(a).sum(1)))
        assert (np.abs(a.sum(1) - change) <= tolerance * scale).all(), (name, a, change)


def test_float16_under_the_general_rule():
    """In float32: the mean of a derivative in float16 was 3 % off."""
    with Case([], tf.float16, 3) as case:
        case.T = tf.math.cumprod(case.X, 1)
        xs, baseline = V.astype(np.float16), W.astype(np.float16)
        case.complete(case.explain('deeplift', xs, baseline=baseline, average=False), xs, baseline, 5e-3)


def test_infinite_differences_are_not_hidden():
    """Where x or the baseline is infinite on the way, a slope of 0 would lose a difference: an error instead
    of a wrong sum."""
    with Case([], tf.float64, 3) as case:
        for target in tf.nn.softmax(tf.math.log(case.X)), 1 / (1 + 1 / case.X):
            case.T = target
            with pytest.raises(errors.ValueRangeError, match='NaN or infinite'):
                case.explain('deeplift', np.abs(V), baseline=np.array([[0., 1, 2]]), average=False)
        case.T = tf.sigmoid(tf.math.log(case.X))                # bounds it at once
        xs, baseline = np.abs(V), np.array([[0., 1, 2]])
        case.complete(case.explain('deeplift', xs, baseline=baseline, average=False), xs, baseline)


def test_what_loses_values_says_so():
    """Indices that X decides on, and inputs that TensorFlow has no gradient by."""
    with Case([], tf.float64, 3) as case:
        best = tf.argmax(case.X, 1)
        table = tf.constant([1., 2, 5], tf.float64)
        for target in tf.one_hot(
            best, 3, dtype=tf.float64) * case.X, tf.gather(table, best)[:, None] * case.X:
            case.T = target
            with pytest.raises(errors.PathWarning, match=r'\((OneHot|GatherV2)\)'):
                case.explain('deeplift', V, baseline=0)
        s = tf.sigmoid(case.X)
        for target in tf.math.zeta(2 + s, 1 + s), tf.math.polygamma(1 + s, 1
                                                                    + s), tf.math.betainc(1 + s, 1 + s,
                                                                                          s / 2):
            case.T = target
            with pytest.raises(errors.RuleError, match='TensorFlow has no gradient by one of its inputs'):
                case.explain('deeplift', V, baseline=0)
