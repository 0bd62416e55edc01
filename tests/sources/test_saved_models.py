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


class Words(tf.Module):
    """Scores, and the words of a table for the best of them."""

    def __init__(self):
        self.w = tf.Variable([[1., -1.], [2., 0.], [0., 3.]])
        words = tf.lookup.KeyValueTensorInitializer(tf.constant([0, 1], tf.int64), ['no', 'yes'])
        self.words = tf.lookup.StaticHashTable(words, '?')

    @tf.function(input_signature=[tf.TensorSpec((None, 3), name='x')])
    def __call__(self, x):
        y = tf.tanh(x @ self.w)
        return {'best': self.words.lookup(tf.argmax(y, 1)), 'scores': y, 'twice': 2 * y}


def test_words_out_of_a_table_are_left_out(tmp_path):
    module, xs = Words(), np.random.default_rng(0).normal(size=(4, 3)).astype('f')
    tf.saved_model.save(module, str(tmp_path / 'new'), signatures=module.__call__)
    with tf.Graph().as_default(), v1.Session() as session:
        old, x = Words(), v1.placeholder(tf.float32, (None, 3), 'x')
        outputs = old(x)
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        v1.saved_model.simple_save(session, str(tmp_path / 'old'), {'x': x}, outputs)
    slope = 1 - np.tanh(xs @ module.w.numpy()) ** 2
    want = 2 * slope[:, 1:] * module.w.numpy()[:, 1] * xs
    for de in (DeepExplain.from_saved_model(tmp_path / 'new'), DeepExplain.from_saved_model(tmp_path / 'old'),
               DeepExplain.from_function(module.__call__)):
        with de:
            assert len(de.outputs) == 2
            np.testing.assert_allclose(de.explain('grad*input', 'twice', 'x', xs, ys=1), want, atol=1e-5)
        de.close()
