"""Attributions under noise with baselines, fixed batches, files, classes and ids; what is refused."""

import tracemalloc
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors, methods
from deepexplain2.attribution import Smooth, VarGrad
from tests.support.networks import opened, v1
from tests.support.noise import NET, XS, YS, noisy_gradients, same


def test_references_and_sets_of_baselines():
    references = np.random.default_rng(1).normal(size=(3, 5))
    with opened(NET) as (de, X, T, _):
        singles = [de.explain(Smooth(methods['deeplift'](baseline=r), samples=4), T, X, XS, YS)
                   for r in references]
        for given in {'references': references}, {'baseline': references, 'average': True}:
            method = Smooth(methods['deeplift'](**given), samples=4)
            for batch_size in None, 2:
                same(de.explain(method, T, X, XS, YS, batch_size), np.mean(singles, 0))
            with pytest.raises(errors.ParameterError, match=r'return_std_error: .* one baseline'):
                de.explain(method, T, X, XS, YS, return_std_error=True)


def test_rows_without_a_range():
    xs = np.array([[1., 1, 1, 1, 1], [0, 1, 2, 3, 4]])
    with opened(NET) as (de, X, T, _):
        with pytest.warns(errors.NoiseWarning, match='1 of 2 rows of input 0 have one value in all entries') \
                as caught:
            got = de.explain('smoothgrad', T, X, xs, ys=[0, 1])
        assert caught[0].filename == __file__
        same(got[0], NET.gradient(xs[:1], np.eye(3)[:1])[0])
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            de.explain('smoothgrad', T, X, xs, ys=[0, 1], absolute=True)


@pytest.mark.parametrize('parameters, said', [
    ({'noise': 0}, 'noise must be a number > 0, not 0'), ({'noise': -1.}, 'noise must be a number > 0'),
    ({'noise': np.nan}, 'noise must be a number > 0'), ({'noise': '.1'}, 'noise must be a number > 0'),
    ({'noise': [0, 0]}, 'above 0 for at least one input'), ({'noise': []}, 'at least one input'),
    ({'noise': [.1, -1]}, 'each entry of noise must be a number > 0'), ({'samples': 0}, 'samples must be'),
    ({'reduce': 'max'}, "one of 'mean', 'square', 'variance', not 'max'"), ({'seed': -1}, 'seed must be'),
    ({'reduce': 'variance', 'samples': 1}, "samples is 1: reduce='variance' needs at least 2"),
    ({'of': 3}, 'of must be a method'), ({'of': 'gradients'}, 'Did you mean "gradient"'),
    ({'tolerance': .1, 'max_samples': 3}, 'max_samples is 3, less than the 50'), ({'absolute': 1}, 'True or'),
    ({'samplse': 3}, 'Did you mean "samples"')])
def test_what_is_refused(parameters, said):
    with pytest.raises(errors.DeepExplainError, match=said):
        Smooth(**parameters)


def test_what_else_is_refused():
    with pytest.raises(errors.ParameterError, match="reduce must be one of 'variance', not 'mean'"):
        VarGrad(reduce='mean')
    with opened(NET) as (de, X, T, _):
        with pytest.raises(errors.ParameterError, match='standard errors need at least two'):
            de.explain('smoothgrad', T, X, XS, samples=1, return_std_error=True)
        with pytest.raises(errors.ParameterError, match='noise is a list of 2, but X has 1'):
            de.explain('smoothgrad', T, X, XS, noise=[.1, .2])
        whole = v1.placeholder(tf.int32, (None, 5), 'counts')
        T = NET.tensorflow(tf.cast(whole, X.dtype))
        with pytest.raises(errors.ParameterError, match='adds noise to X, and "counts:0" holds int32'):
            de.explain(Smooth('occlusion'), T, whole, np.ones((2, 5), int))


@pytest.mark.parametrize('name', ['smoothgrad', 'vargrad'])
def test_memory_does_not_grow_with_samples(name):
    with tf.Graph().as_default(), v1.Session(), DeepExplain() as de:
        X = v1.placeholder(tf.float32, (None, 20000))
        T, xs, peaks = tf.reduce_sum(tf.tanh(X), 1), np.random.default_rng(0).normal(size=(3, 20000)), []
        for count in 20, 200:
            explainer = de.get_explainer(name, T, X, samples=count)
            explainer.run(xs, batch_size=12)
            tracemalloc.start()
            explainer.run(xs, batch_size=12)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert peaks[1] < 2 * peaks[0]          # of ten times the samples; threads overlap now and then


def test_fixed_batch_jit_and_float16():
    expected = noisy_gradients(NET, XS, YS, 6, .15)
    with opened(NET) as (de, X, T, _):
        for size in 1, 3, 4:
            fixed = v1.placeholder(tf.float64, (size, 5))
            of_fixed = NET.tensorflow(tf.reshape(tf.reshape(fixed, (size * 5,)), (size, 5)))
            same(de.explain('smoothgrad', of_fixed, fixed, XS, YS, samples=6), expected.mean(0))
            same(de.explain('vargrad', of_fixed, fixed, XS, YS, samples=6), expected.var(0, ddof=1), 1e-8)
        got = de.explain('smoothgrad', T, X, XS, YS, samples=6, jit_compile=True)
        same(got, expected.mean(0), 1e-8)
    for dtype, close in ('float32', 1e-5), ('float16', 2e-2):
        with opened(NET, dtype) as (de, X, T, _):
            got = de.explain('smoothgrad', T, X, XS, YS, samples=6)
            assert got.dtype == dtype
            np.testing.assert_allclose(got, expected.mean(0), atol=close * np.abs(expected).max())


def test_smooth_of_smooth_in_pieces_and_of_classes(tmp_path):
    """Wrappers nest; written to a file and for all classes it is the same."""
    with opened(NET) as (de, X, T, session):
        inner = Smooth('saliency', samples=3, seed=1)
        span = np.ptp(XS, 1, keepdims=True)
        noise = [.15 * span * np.random.default_rng([0, k]).standard_normal(5) for k in range(4)]
        each = [de.explain(inner, T, X, XS + e, YS) for e in noise]
        same(de.explain(Smooth(inner, samples=4), T, X, XS, YS, 3), np.mean(each, 0))
        whole = de.explain('smoothgrad', T, X, XS, YS, samples=4)
        out = np.lib.format.open_memmap(tmp_path / 'a.npy', 'w+', XS.dtype, XS.shape)
        de.explain('smoothgrad', T, X, XS, YS, 1, samples=4, out=out)
        same(out, whole)
        of_all = de.explain('smoothgrad', T, X, XS, samples=4, classes='all')
        for c in range(3):
            same(of_all[c], de.explain('smoothgrad', T, X, XS, np.full(4, c), samples=4))
        streamed = list(de.get_explainer('smoothgrad', T, X, samples=4).stream([(XS[:2], YS[:2]),
                                                                                (XS[2:], YS[2:])]))
        same(np.concatenate([getattr(s, 'values', s) for s in streamed]), whole)


def test_token_ids():
    table = np.random.default_rng(0).normal(size=(9, 5))
    ids = np.random.default_rng(1).integers(0, 9, (3, 4))
    with tf.Graph().as_default(), v1.Session(), DeepExplain() as de:
        X = v1.placeholder(tf.int32, (None, 4), 'ids')
        embedded = tf.nn.embedding_lookup(table, X)
        T = tf.reduce_sum(tf.tanh(embedded), [1, 2])
        got = de.explain('smoothgrad', T, X, ids, samples=5)
        same(got, de.explain('smoothgrad', T, embedded, table[ids], samples=5))
        assert de.explain(Smooth('occlusion', samples=5), T, X, ids).shape == (3, 4)


def test_padding_stays_padding_under_noise():
    keras.utils.set_random_seed(0)
    lstm, dense = keras.layers.LSTM(4), keras.layers.Dense(2)
    model = keras.Sequential([keras.Input((5, 3)), keras.layers.Masking(), lstm, dense])
    x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype('float32')
    x[0, 3:] = 0
    kept = (x != 0).any(-1)
    span = np.ptp(x, (1, 2), keepdims=True)
    expected = 0
    for k in range(4):
        noisy = x + .15 * span * np.random.default_rng([0, k]).standard_normal((5, 3))
        steps = tf.constant((noisy * kept[..., None]).astype('float32'))
        with tf.GradientTape() as tape:
            tape.watch(steps)
            score = dense(lstm(steps, mask=tf.constant(kept)))[:, 1]
        expected += tape.gradient(score, steps).numpy() * kept[..., None] / 4
    with DeepExplain.from_keras(model) as de:
        for batch_size in None, 1:
            got = de.explain('smoothgrad', de.outputs[0], de.inputs[0], x, 1, batch_size, samples=4)
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-7)
            assert not got[0, 3:].any() and got[1, 3:].all()
        follows = Smooth(methods['intgrad'](steps=5, masks='follow'), samples=4)
        assert de.explain(follows, de.outputs[0], de.inputs[0], x, 1)[0, 3:].any()
