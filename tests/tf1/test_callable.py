"""Functions of NumPy arrays, where eager execution is off."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors, shared

XS = np.random.default_rng(0).normal(size=(4, 3))
SPECS = [tf.TensorSpec((None, 3), tf.float64), tf.TensorSpec((None,), tf.float64)]


def test_explained_and_refused():
    de = DeepExplain.from_callable(np.tanh, SPECS[:1])
    for batch_size in None, 1, 3:
        np.testing.assert_allclose(
            de.explain('occlusion', de.outputs[0], de.inputs[0], XS, batch_size=batch_size), np.tanh(XS))
    with pytest.raises(errors.PathError, match='"saliency" needs gradients'):
        de.explain('saliency', de.outputs[0], de.inputs[0], XS)


def test_errors_and_shared_feeds():
    def weighted(x, w):
        if len(w) != 3:
            raise ValueError('three weights')
        return (x * w).sum(1)
    with pytest.raises(errors.SourceError, match=r'three weights.*output_signature'):
        DeepExplain.from_callable(weighted, SPECS)
    de = DeepExplain.from_callable(weighted, SPECS, tf.TensorSpec((None,), tf.float64))
    X, w = de.inputs
    np.testing.assert_allclose(
        de.explain('occlusion', de.outputs[0], X, XS, feed_dict={w: shared([1, 2, 3])}), XS * [1, 2, 3])
    with pytest.raises(errors.RunError, match='three weights') as caught:
        de.explain('occlusion', de.outputs[0], X, XS, feed_dict={w: shared([1, 2])})
    assert isinstance(caught.value.__cause__, ValueError)
