"""Loops and conditionals of TF1, each beside the same layers in a row without control flow."""

import numpy as np
import tensorflow as tf

W = np.random.default_rng(0).normal(size=(4, 4))
XS = np.random.default_rng(1).normal(size=(3, 4))


def unoptimized():
    """A session that does not optimize graphs, which would take most of the time of these tests."""
    config = tf.compat.v1.ConfigProto()
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    return tf.compat.v1.Session(config=config)


def same(de, T, flat, x, xs=XS, feed=None, names=('elrp', 'deeplift')):
    """T and its twin without control flow: the same attributions, deeplift complete."""
    baseline = np.full(x.shape[1:], .3)
    for name in names:
        given = {'baseline': baseline} if name == 'deeplift' else {}
        a = de.explain(name, T, x, xs, feed_dict=feed, **given)
        b = de.explain(name, flat, x, xs, feed_dict=feed, **given)
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12, err_msg=name)
        if name == 'deeplift':
            f, f0 = (de.session.run(T, {x: v, **(feed or {})})
                     for v in (xs, np.broadcast_to(baseline, xs.shape)))
            np.testing.assert_allclose(a.reshape(len(xs), -1).sum(1), (f - f0).reshape(len(xs), -1).sum(1),
                                       rtol=1e-9, atol=1e-12)


def refused(de, kind, match, name, T, x):
    """An error of this kind that says this, and no op is added."""
    before = len(de.graph.get_operations())
    try:
        de.explain(name, T, x, XS, batch_size=1)
    except kind as e:
        assert match in str(e), e
    else:
        raise AssertionError('not refused')
    assert len(de.graph.get_operations()) == before


def step(h, w):
    return tf.tanh(tf.matmul(h, w)) - tf.nn.elu(h)


def loop(x, w=W, n=3):
    return tf.while_loop(lambda i, h: i < n, lambda i, h: (i + 1, step(h, w)), [0, x])[1]


def row(x, w=W, n=3):
    for _ in range(n):
        x = step(x, w)
    return x


def nested(x, w, on):
    """A loop with a conditional on its counter and a loop inside; one over an array with a conditional
    inside; a conditional."""
    def turn(i, h):
        h = tf.cond(i > 0, lambda: tf.nn.softplus(h), lambda: tf.nn.elu(2 * h))
        return i + 1, loop(h, w, 2)
    h = tf.while_loop(lambda i, _: i < 2, turn, [0, x])[1]
    h = tf.map_fn(lambda r: tf.cond(on, lambda: tf.sigmoid(r) * tf.tanh(r), lambda: r), h)
    return tf.cond(on, lambda: tf.nn.relu(h),
                   lambda: tf.cond(tf.logical_not(on), lambda: loop(h, w, 1), lambda: h))


def nested_row(x, w, on):
    for i in range(2):
        x = row(tf.nn.softplus(x) if i else tf.nn.elu(2 * x), w, 2)
    return tf.nn.relu(tf.sigmoid(x) * tf.tanh(x)) if on else row(x, w, 1)
