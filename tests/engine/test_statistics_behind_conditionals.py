"""Statistics of the batch behind a conditional are refused where they are taken."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from tests.support.networks import v1

RNG = np.random.default_rng(0)
W = RNG.normal(size=(4, 5))
XS = RNG.normal(size=(7, 4)) * np.array([5., 1, 1, 1, 1, 1, 1])[:, None]     # row 0 holds the largest number


def normalized(v):
    h = v @ W
    return tf.nn.batch_normalization(h, *tf.nn.moments(h, 0), None, None, 1e-3)


@pytest.fixture
def x(session):
    return v1.placeholder(tf.float64, (None, 4), 'x')


class TestStatisticsBehindConditionals:
    SCALE = np.array([1.5, 1, .5], 'f')
    IMAGES = RNG.normal(size=(3, 4, 4, 3)).astype('f')

    def train(self, x):
        return v1.nn.fused_batch_norm(x, self.SCALE, self.SCALE, is_training=True)[0]

    def infer(self, x):
        return v1.nn.fused_batch_norm(x, self.SCALE, self.SCALE, self.SCALE, self.SCALE, is_training=False)[0]

    def build(self, kind, x, value):
        """(tensor, feed_dict) of a normalization that is in training mode if value."""
        flag, phase = v1.placeholder(tf.bool, ()), v1.placeholder_with_default(False, (),
                                                                               f'keras_learning_phase_{value}')

        def either(p, x=x):
            return tf.cond(p, lambda: self.train(x), lambda: self.infer(x))
        return {
            'fed': lambda: (either(flag), {flag: value}),
            'default': lambda: (either(v1.placeholder_with_default(value, ())), {}),
            'constant': lambda: (either(tf.constant(value)), {}),
            'negated': lambda: (tf.cond(tf.logical_not(flag), lambda: self.infer(x), lambda: self.train(x)),
                                {flag: value}),
            'nested': lambda: (tf.cond(tf.constant(True), lambda: either(flag), lambda: x), {flag: value}),
            'function': lambda: (tf.function(lambda z, p: either(p, z))(x, flag), {flag: value}),
            'in a function': lambda: (tf.function(self.train if value else self.infer)(x), {}),
            'case': lambda: (tf.switch_case(tf.cast(flag, tf.int32), [lambda: self.infer(x),
                                                                      lambda: self.train(x)]), {flag: value}),
            'loop': lambda: (tf.while_loop(lambda i, h: i < 2,
                                           lambda i, h: (i + 1, (self.train if value else self.infer)(h)),
                                           (0, x))[1], {}),
            'learning phase': lambda: (either(phase), {phase: True} if value else {}),
        }[kind]()

    @pytest.mark.parametrize('v2', [True, False], ids=['v2', 'v1'])
    @pytest.mark.parametrize('kind', ['fed', 'default', 'constant', 'negated', 'nested', 'function',
                                      'in a function', 'case', 'loop',
                                      'learning phase'])
    def test_by_what_is_fed(self, session, kind, v2):
        x = v1.placeholder(tf.float32, (None, 4, 4, 3))
        (v1.enable_control_flow_v2 if v2 else v1.disable_control_flow_v2)()
        try:
            built = {value: self.build(kind, x, value) for value in (False, True)}
        finally:
            v1.enable_control_flow_v2()
        with DeepExplain() as de:
            for value, (h, feed) in built.items():
                for images in self.IMAGES, self.IMAGES[:1]:
                    if value:
                        with pytest.raises(errors.TensorError, match='statistics of the batch'):
                            de.explain('occlusion', h, x, images, feed_dict=feed, window_shape=(4, 4, 3),
                                       step=(4, 4, 3))
                    else:
                        de.explain('occlusion', h, x, images, feed_dict=feed, window_shape=(4, 4, 3),
                                   step=(4, 4, 3))

    def test_written_by_hand(self, session, x):
        """Seen in the values, with every value of the flag."""
        flag = v1.placeholder(tf.bool, ())
        T = tf.cond(flag, lambda: normalized(x), lambda: x @ W)
        with DeepExplain() as de:
            de.explain('saliency', T, x, XS, feed_dict={flag: False})
            with pytest.raises(errors.TensorError, match='changes with the other rows'):
                de.explain('saliency', T, x, XS, feed_dict={flag: True})
