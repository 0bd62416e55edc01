"""SavedModels of TensorFlow 1, written here."""

import numpy as np
import tensorflow as tf

from deepexplain2 import DeepExplain

v1 = tf.compat.v1


def test_a_table_that_the_signature_does_not_use(tmp_path):
    """Its initializer is no op of the signature, which is opened all the same; inputs by the signature's
    keys."""
    xs = np.random.default_rng(0).normal(size=(2, 4, 3)).astype('f')
    with tf.Graph().as_default(), v1.Session() as session:
        a, b = (v1.placeholder(tf.float32, (None, 3), name) for name in 'ab')
        tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(['word'], [1.]), 0.)
        score = tf.tanh(a @ v1.get_variable('w', (3, 2))) + tf.tanh(2 * b @ v1.get_variable('u', (3, 2)))
        gradients = v1.gradients(score[:, 1], [a, b])
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        expected = session.run(gradients, {a: xs[0], b: xs[1]}) * xs
        v1.saved_model.simple_save(session, str(tmp_path / 'm'), {'last': a, 'first': b}, {'score': score})
    with DeepExplain.from_saved_model(tmp_path / 'm') as de:
        got = de.explain('grad*input', 'score', ['last', 'first'], {'first': xs[1], 'last': xs[0]}, ys=1)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)
