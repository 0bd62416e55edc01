"""Values of feed_dict that all rows of xs share, though their first axis is open."""

from dataclasses import dataclass

import keras
import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors, shared
from deepexplain2.evaluation import Metric
from tests.support.few import ANYWHERE, few
from tests.support.networks import v1

RNG = np.random.default_rng(0)
W = RNG.normal(size=(5, 14))
SETTINGS = RNG.normal(size=(4, 14))
SPECS = [tf.TensorSpec((None, 5), tf.float64), *[tf.TensorSpec((None,), tf.float64)] * 4]


def model(x, a, b, c, d):
    h = tf.tanh(x @ W * a + b)
    return tf.reduce_sum(h * c, 1, keepdims=True) * tf.reduce_mean(d) + h[:, :3]


@pytest.fixture(scope='module')
def pair():
    """The model with four vectors of 14 settings, its feeds, and the model in which they are constants."""
    with_settings = DeepExplain.from_function(model, SPECS)
    fixed = DeepExplain.from_function(lambda x: model(x, *map(tf.constant, SETTINGS)), SPECS[:1])
    feeds = {c: shared(v) for c, v in zip(with_settings.inputs[1:], SETTINGS)}
    return with_settings, feeds, fixed


@pytest.mark.parametrize('n', [14, 3, 1])               # 14: as many rows as the vectors have entries
@pytest.mark.parametrize('method', ANYWHERE)
def test_as_constants(pair, method, n):
    de, feeds, fixed = pair
    xs, ys = np.random.default_rng(n).normal(size=(n, 5)), np.arange(n) % 3
    want = fixed.explain(few(method), fixed.outputs[0], fixed.inputs[0], xs, ys)
    explainer = de.get_explainer(few(method), de.outputs[0], de.inputs[0])
    found = [explainer.run(xs, ys, batch_size, feed_dict=feeds) for batch_size in (None, 1, 3)]
    found += explainer.stream([(xs, ys)] * 2, feed_dict=feeds)
    # lrp: a bias that is fed stands beside a sum, and a constant one in it: each has its own epsilon of 1e-6
    tolerance = 1e-4 if method == 'lrp' else 1e-9
    for a in found:
        np.testing.assert_allclose(a, want, rtol=tolerance, atol=1e-12)


def test_baselines_values_and_metrics(pair):
    de, feeds, fixed = pair

    @dataclass(frozen=True)
    class Same(Metric):
        better, baseline = 'higher', None

        def score(self, trial):
            return trial.values(lambda rows, ks: [trial.xs[0][rows] * ks[:, None]], 3).sum(1)
    xs, base = np.random.default_rng(1).normal(size=(2, 14, 5))
    ys = np.arange(14) % 3
    for batch_size in None, 3:
        for method in 'deeplift', 'intgrad':
            a, b = (c.explain(method, c.outputs[0], c.inputs[0], xs, ys, batch_size, baseline=base,
                              average=False, feed_dict=feeds if c is de else None) for c in (de, fixed))
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
        for given in None, ys:
            a, b = (c.value(c.outputs[0], c.inputs[0], xs, given, batch_size,
                            feed_dict=feeds if c is de else None) for c in (de, fixed))
            np.testing.assert_allclose(a, b, rtol=1e-9)
        a, b = (c.evaluate(Same(), c.outputs[0], c.inputs[0], xs, xs, ys, batch_size,
                           feed_dict=feeds if c is de else None) for c in (de, fixed))
        np.testing.assert_allclose(a, b, rtol=1e-9)


def test_a_black_box(pair):
    de = DeepExplain.from_callable(lambda x, c: np.tanh(x) * c[:5], SPECS[:2],
                                   tf.TensorSpec((None, 5), tf.float64))
    xs = RNG.normal(size=(4, 5))
    for batch_size in None, 1, 3:
        a = de.explain('occlusion', de.outputs[0], de.inputs[0], xs, batch_size=batch_size,
                       feed_dict={de.inputs[1]: shared(SETTINGS[0])})
        np.testing.assert_allclose(a, np.tanh(xs) * SETTINGS[0, :5])


def test_a_feed_with_the_wrong_number_of_rows_says_so(pair):
    de, feeds, _ = pair
    values = {c: s.value for c, s in feeds.items()}
    with pytest.raises(errors.FeedError, match=r'gives 14 rows for "a:0" \(\?,\), but xs has 3.*'
                                               r'given as deepexplain2\.shared\(value\)'):
        de.explain('saliency', de.outputs[0], de.inputs[0], np.ones((3, 5)), feed_dict=values)


def test_its_shape_is_that_of_the_tensor(session):
    x, c = v1.placeholder(tf.float32, (None, 3)), v1.placeholder(tf.float32, (None, 3), 'c')
    with DeepExplain() as de:
        with pytest.raises(errors.FeedError, match=r'gives shape \(3,\) for "c:0"'):
            de.explain('saliency', x * tf.reduce_sum(c, 0), x, np.ones((2, 3)),
                       feed_dict={c: shared([1, 2, 3])})
        for batch_size in None, 1:                      # two rows of settings for two rows of xs
            a = de.explain('saliency', x * tf.reduce_sum(c, 0), x, np.ones((2, 3)), batch_size=batch_size,
                           feed_dict={c: shared([[1, 2, 3], [3, 2, 1]])})
            np.testing.assert_array_equal(a, np.full((2, 3), 4))


def test_token_ids():
    table = keras.layers.Embedding(9, 4)
    table.build()
    de = DeepExplain.from_function(
        lambda i, c: tf.reduce_sum(tf.tanh(table(i)), 1) * c,
        [tf.TensorSpec((None, 6), tf.int32), tf.TensorSpec((None,), tf.float32)], check=False)
    xs = np.random.default_rng(2).integers(0, 9, (4, 6))
    for batch_size in None, 1, 3:
        a = de.explain('occlusion', de.outputs[0], de.inputs[0], xs, batch_size=batch_size,
                       feed_dict={de.inputs[1]: shared([1., 2, 3, 4])})
        want = np.tanh(table.get_weights()[0][xs]) @ [1, 2, 3, 4]
        np.testing.assert_allclose(a, want, rtol=1e-4, atol=1e-6)
