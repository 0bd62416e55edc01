"""Functions that are called in the bodies of loops and conditionals: as if what they do were written
there."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain
from tests.support.networks import v1

XS = np.random.default_rng(0).normal(size=(3, 4))
GRADIENTS = 'several results', 'a loop called in a loop of a function', 'branch'


def loop(steps, body, start):
    return tf.while_loop(lambda i, _: i < steps, lambda i, h: (i + 1, body(i, h)), (0, start))[1]


def built(call, v):
    """Networks by name; call: what makes a function of a Python function, or leaves it as it is."""
    wave = call(lambda h: tf.sin(h) * h)
    waves = call(lambda h, i: (wave(h), h, .3 * wave(wave(h)) * tf.cast(i, h.dtype)))
    same = call(lambda h: h)
    many = call(lambda h, i: loop(i, lambda _, u: .5 * wave(u), h))
    either = call(lambda h: tf.cond(tf.shape(h)[1] > 2, lambda: wave(h), lambda: h))
    return {
        'loop': lambda: loop(3, lambda i, h: wave(h) + v, v),
        'several results': lambda: loop(3, lambda i, h: .3 * tf.add_n(waves(h, i)) + v, v),
        'hands on': lambda: loop(2, lambda i, h: same(same(h)) * v, v),
        'a loop called in a loop': lambda: loop(3, lambda i, h: many(h, i) + v, v),
        'a loop called in a loop of a function': lambda: call(lambda u: loop(3, lambda i, h: many(h, i) + u,
                                                                             u))(v),
        'a conditional called in a loop': lambda: loop(2, lambda i, h: either(h) + v, v),
        'branch': lambda: tf.cond(tf.shape(v)[1] > 2, lambda: wave(v) * wave(v), lambda: v),
        'case': lambda: tf.switch_case(tf.minimum(tf.shape(v)[1], 1), [lambda: v, lambda: wave(v)]),
        'row by row': lambda: tf.map_fn(lambda r: wave(r) * r, v),
    }


@pytest.mark.parametrize('name', built(lambda f: f, None))
def test_calls_in_bodies(session, name):
    x = v1.placeholder(tf.float64, (None, 4), 'x')
    T, flat = built(tf.function, x)[name](), built(lambda f: f, x)[name]()
    with DeepExplain() as de:
        # the gradient of a body, of a body in one, and of a branch
        for method in ['grad*input', 'deeplift'] if name in GRADIENTS else ['deeplift']:
            a = de.explain(method, T, x, XS)
            np.testing.assert_allclose(a, de.explain(method, flat, x, XS), rtol=1e-9, atol=1e-12,
                                       err_msg=method)
        gap = de.explain('deeplift', T, x, XS, return_delta=True, baseline=.3)[1]
        assert np.abs(gap).max() < 1e-9
        assert '(PartitionedCall)' not in str(de.audit('deeplift', T, x))
