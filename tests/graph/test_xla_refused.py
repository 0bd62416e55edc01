"""jit_compile is refused, or seen at the first run, where XLA could answer otherwise."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from deepexplain2.graph import xla as compiled
from tests.support.few import ANYWHERE
from tests.support.networks import v1
from tests.support.xla import both

RNG = np.random.default_rng(0)


@tf.custom_gradient
def halved(x):
    return x, lambda g: g / 2


class TestRefused:
    def case(self, what, x):
        index = v1.placeholder_with_default([1], (1,), 'index')
        looped = tf.while_loop(lambda k, h: k < 2, lambda k, h: (k + 1, h + tf.gather(x, index, axis=1)),
                               (0, x[:, :1]), maximum_iterations=2)
        return {'random': lambda: tf.nn.dropout(x, .5), 'fed index': lambda: tf.gather(x, index, axis=1),
                'fed slice': lambda: x[:, index[0]:],
                'in a loop': lambda: looped[1],
                'index of X': lambda: x * tf.gather(tf.range(3.), tf.cast(x, tf.int32)),
                'check': lambda: tf.debugging.check_numerics(x, 'no'),
                'state': lambda: tf.numpy_function(np.tanh, [x], tf.float32)}[what]()

    @pytest.mark.parametrize('what, op, why', [
        ('random', 'RandomUniform', 'random numbers'), ('fed index', 'GatherV2', 'indices'),
                                               ('fed slice', 'StridedSlice', 'indices'),
        ('in a loop', 'GatherV2', 'indices'), ('index of X', 'GatherV2', 'indices'),
                                               ('state', 'PyFunc', 'a state'),
        ('check', 'CheckNumerics', 'checks values')])
    @pytest.mark.parametrize('method', ['occlusion', 'saliency'])
    def test_before_anything_is_added(self, session, method, what, op, why):
        x = v1.placeholder(tf.float32, (None, 3), 'x')
        T = self.case(what, x)
        size = len(session.graph.get_operations())
        with DeepExplain() as de:
            with pytest.raises(errors.PathError, match=f'jit_compile: .*{op}.*{why}.*Leave jit_compile out'):
                de.explain(method, T, x, np.ones((2, 3), 'f'), jit_compile=True)
            assert len(session.graph.get_operations()) == size
            de.explain('occlusion', T, x, np.ones((2, 3), 'f'))

    def test_a_constant_index_out_of_range(self, session):
        x = v1.placeholder(tf.float32, (None, 3), 'x')
        T = x * tf.gather(x, [7], axis=1)
        with DeepExplain() as de:
            for method in ANYWHERE:
                with pytest.raises(errors.RunError, match=r'indices\[0\] = 7 is not in \[0, 3\)'):
                    de.explain(method, T, x, np.ones((2, 3), 'f'), jit_compile=True)

    def test_indices_that_are_constant_are_not(self, session):
        x = v1.placeholder(tf.float32, (None, 3), 'x')
        with DeepExplain() as de:
            a = de.explain('grad*input', tf.gather(x, tf.argsort([3, 1, 2]), axis=1)[:, 1:], x,
                           np.ones((2, 3), 'f'), jit_compile=True)
            np.testing.assert_array_equal(a, [[1, 0, 1]] * 2)

    def loop(self, body, n=4):
        return lambda x: tf.while_loop(lambda i, a: i < n,
                                       lambda i, a: (i + 1, a * .5 + tf.sin(x) * body(i, a)), [0, x],
                                       maximum_iterations=n)[1]

    def sized(self):
        """Loops in which a size moves with the counter: name -> (function of x, op)."""
        def total(t):
            return tf.reduce_sum(t, 1, keepdims=True)

        def nested(i, a):
            return tf.while_loop(lambda j, b: j < 2, lambda j, b: (j + 1, b * tf.cos(b[:, i:i + 1])), [0, a],
                                 maximum_iterations=2)[1]
        bodies = {
            'both ends': (lambda i, a: a[:, i:i + 1], 'StridedSlice'),
            'from': (lambda i, a: total(a[:, i:]), 'StridedSlice'), 'to': (lambda i, a: total(a[:, :i]),
                                                                           'StridedSlice'),
            'size': (lambda i, a: total(tf.slice(a, [0, 0], tf.stack([-1, i]))), 'Slice'),
            'range': (lambda i, a: total(tf.gather(a, tf.range(i), axis=1)), 'Range'),
            'pad': (lambda i, a: total(tf.pad(a, [[0, 0], [0, i]])), 'Pad'),
            'tile': (lambda i, a: total(tf.tile(a, tf.stack([1, i]))), 'Tile'),
                  'fill': (lambda i, a: tf.reduce_sum(tf.fill([i], 1.)), 'Fill'),
            'shape': (lambda i, a: tf.reduce_max(tf.reshape(a, tf.stack([-1, 1 + i % 2]))), 'Reshape'),
            'mask': (lambda i, a: total(tf.boolean_mask(a, tf.range(4) < i, axis=1)), 'Where'),
                  'nested': (nested, 'StridedSlice'),
            'split': (lambda i, a: total(tf.split(a, tf.stack([i, 4 - i]), 1, num=2)[0]), 'SplitV'),
            'conditional': (lambda i, a: tf.cond(i < 2, lambda: a, lambda: tf.tanh(a[:, i:i + 1]) * a),
                            'StridedSlice')}
        return {name: (self.loop(body), op) for name, (body, op) in bodies.items()}

    def test_sizes_that_move_with_a_counter(self, session):
        x = v1.placeholder(tf.float32, (None, 4), 'x')
        for name, (f, op) in self.sized().items():
            T = f(x)
            size = len(session.graph.get_operations())
            with DeepExplain() as de:
                for method in 'occlusion', 'saliency':
                    with pytest.raises(errors.PathError, match=rf'jit_compile: op .*\({op}\).* moves with '
                                                               rf'the iterations .*Leave jit_compile out'):
                        de.get_explainer(method, T, x, jit_compile=True)
                    assert len(session.graph.get_operations()) == size, name

    def test_places_that_move_with_a_counter(self, session):
        x = v1.placeholder(tf.float32, (None, 4), 'x')
        xs = RNG.normal(size=(3, 4)).astype('f')
        places = {'entry': lambda i, a: a[:, i][:, None],
                  'slice': lambda i, a: tf.slice(a, tf.stack([0, i]), [-1, 1]),
                  'gather': lambda i, a: tf.gather(a, i, axis=1)[:, None],
                  'one-hot': lambda i, a: tf.one_hot(i, 4) * a}
        T = self.loop(lambda i, a: tf.add_n([(k + 1) * place(i, a) + tf.zeros_like(a)
                                             for k, place in enumerate(places.values())]), 3)(x)
        with DeepExplain() as de:
            np.testing.assert_allclose(*both(de, 'saliency', T, x, xs, None), rtol=1e-4, atol=1e-5)

    def test_a_place_in_a_loop_of_which_x_decides_the_end(self, session):
        x = v1.placeholder(tf.float32, (1, 4), 'x')
        T = tf.while_loop(lambda i, a: tf.reduce_sum(a) < 9,
                          lambda i, a: (i + 1, a + tf.gather(x, i, axis=1)), [0, x], maximum_iterations=9)[1]
        with DeepExplain() as de, pytest.raises(errors.PathError, match='takes indices that are fed or that '
                                                                        'X decides on'):
            de.get_explainer('saliency', T, x, jit_compile=True)

    @pytest.mark.parametrize('method', ['occlusion', 'saliency', 'intgrad'])
    def test_what_is_not_foreseen_is_seen(self, session, method, monkeypatch):
        """What XLA computes otherwise, whatever it is: beside TensorFlow's kernels at the first run, and
        again for another number of rows."""
        monkeypatch.setattr(compiled, '_moving_size', lambda op, body: False)
        x = v1.placeholder(tf.float32, (None, 4), 'x')
        T = self.sized()['both ends'][0](x)
        xs = RNG.normal(size=(3, 4)).astype('f')
        with DeepExplain() as de:
            for n in 3, 3, 1:
                with pytest.raises(errors.RunError, match=r'jit_compile: what XLA computes of T .* differs '
                                                          r'by .*Leave jit_compile out'):
                    de.explain(method, T, x, xs[:n], jit_compile=True)
            de.explain(method, T, x, xs)

    def test_a_corner_is_no_difference(self, session):
        """Where rounding decides between two gradients: sums of other order, in XLA and in TensorFlow, around
        0."""
        rng = np.random.default_rng(0)
        w = rng.normal(size=(60, 8)).astype('f')
        x = v1.placeholder(tf.float32, (None, 60), 'x')
        xs = rng.normal(size=(40, 60)).astype('f')
        # x w is 0 but for rounding
        xs -= (xs.astype(float) @ w @ np.linalg.pinv(w.astype(float))).astype('f')
        with DeepExplain() as de:
            de.explain('saliency', tf.nn.relu(x @ w), x, xs, jit_compile=True)

    def test_custom_gradients(self, session):
        x = v1.placeholder(tf.float32, (None, 3), 'x')
        with DeepExplain() as de:
            for method in 'saliency', 'intgrad':
                with pytest.raises(errors.PathError, match=r'jit_compile: between X and T there is a '
                                                           r'tf\.custom_gradient function'):
                    de.explain(method, halved(x), x, np.ones((2, 3), 'f'), jit_compile=True)

    def test_ops_that_xla_lacks(self, session):
        x = v1.placeholder(tf.float32, (None, 3), 'x')
        with DeepExplain() as de:
            with pytest.raises(errors.RunError, match=r'BesselJ0.* XLA cannot compile this: leave '
                                                      r'jit_compile out') as caught:
                de.explain('saliency', tf.math.special.bessel_j0(x), x, np.ones((2, 3), 'f'),
                           jit_compile=True)
            assert 'dummy' not in str(caught.value)
            endless = tf.while_loop(lambda h: tf.reduce_sum(h) < 9, lambda h: (2 * h,), (tf.abs(x),))[0]
            # a row alone: they share the condition
            with pytest.raises(errors.RunError, match=r'maximum_iteration.* XLA cannot compile this'):
                de.explain('saliency', endless, x, np.ones((1, 3), 'f'), jit_compile=True)
            de.explain('saliency', endless, x, np.ones((1, 3), 'f'))

    def test_other_values(self, session):
        x = v1.placeholder(tf.float32, (None, 3), 'x')
        with DeepExplain() as de, pytest.raises(errors.ParameterError, match="jit_compile must be True or "
                                                                             "False, not 'yes'"):
            de.get_explainer('saliency', tf.tanh(x), x, jit_compile='yes')
