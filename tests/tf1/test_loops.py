"""Loops and conditionals of TF1: as if the layers stood in a row."""

import warnings

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors
from tests.support.loops import XS, W, loop, refused, row, same, unoptimized

v1 = tf.compat.v1

pytestmark = pytest.mark.filterwarnings('ignore')


def test_loops():
    with unoptimized() as s, DeepExplain(s) as de:
        x = v1.placeholder(tf.float64, (None, 4), 'x')
        same(de, loop(x), row(x), x, names=('elrp', 'deeplift', 'grad*input'))
        n = v1.placeholder(tf.int32, ())
        same(de, loop(x, n=n), row(x), x, feed={n: 3})
        T = tf.while_loop(lambda i, h: i < 3, lambda i, h: (i + 1, h * 2. + tf.cast(i, x.dtype)), [0, x])[1]
        same(de, T, 8. * x, x)
        T = tf.while_loop(lambda i, h: i < tf.shape(x)[1], lambda i, h: (i + 1, h + tf.tanh(x[:, i])),
                          [0, tf.zeros_like(x[:, 0])])[1]
        same(de, T, tf.reduce_sum(tf.tanh(x), 1), x)
        T = tf.while_loop(lambda i, h: i < 3, lambda i, h: (i + 1, tf.concat([h, tf.tanh(h[:, -1:])], 1)),
                          [0, x], shape_invariants=[tf.TensorShape([]), tf.TensorShape([None, None])])[1]
        flat = x
        for _ in range(3):
            flat = tf.concat([flat, tf.tanh(flat[:, -1:])], 1)
        same(de, T, flat, x)
        T = tf.scan(lambda a, r: tf.tanh(a + r), tf.transpose(x), initializer=tf.zeros_like(x[:, 0]))[-1]
        flat = 0.
        for k in range(4):
            flat = tf.tanh(flat + x[:, k])
        same(de, T, flat, x)
        T = x                                       # many in a row
        for _ in range(4):
            T = loop(tf.cond(n > 0, lambda T=T: tf.nn.softplus(T), lambda T=T: T), n=1)
        flat = x
        for _ in range(4):
            flat = row(tf.nn.softplus(flat), n=1)
        same(de, T, flat, x, feed={n: 3}, names=('deeplift',))


def test_conditionals():
    with unoptimized() as s, DeepExplain(s) as de:
        x = v1.placeholder(tf.float64, (None, 4))
        on, k = v1.placeholder(tf.bool, ()), v1.placeholder(tf.int32, ())
        same(de, tf.cond(on, lambda: tf.tanh(x), lambda: x) * 1., tf.tanh(x), x, feed={on: True},
             names=('elrp', 'deeplift', 'grad*input'))
        same(de, tf.cond(on, lambda: tf.tanh(x), lambda: x) * 1., x * 1., x, feed={on: False})
        a, b = tf.cond(on, lambda: (tf.tanh(x), tf.constant(2., x.dtype)),
                       lambda: (x, tf.constant(3., x.dtype)))
        same(de, a * b, tf.tanh(x) * 2., x, feed={on: True})
        same(de, a * b, x * 3., x, feed={on: False})
        T = tf.cond(on, lambda: tf.sigmoid(a), lambda: a)           # the same predicate again
        same(de, T, tf.sigmoid(tf.tanh(x)), x, feed={on: True})
        ways = [tf.tanh, tf.nn.elu, lambda h: 2. * h]
        for T in (tf.switch_case(k, [lambda: tf.tanh(x), lambda: tf.nn.elu(x), lambda: 2. * x]),
                  tf.case([(k < 1, lambda: tf.tanh(x)), (k < 2, lambda: tf.nn.elu(x))], lambda: 2. * x)):
            for value, way in enumerate(ways):
                same(de, T, way(x), x, feed={k: value})
        T = tf.cond(on, lambda: loop(x), lambda: x)
        same(de, T, row(x), x, feed={on: True})
        # random numbers with two uses: drawn once
        def drawn():
            m = tf.random.uniform([4], dtype=x.dtype)
            return m * x, m + 0. * x
        a, b = tf.cond(on, drawn, lambda: (x, x))
        found = de.explain('grad*input', tf.reduce_sum(tf.tanh(a - b * x), 1), x, XS, feed_dict={on: True})
        np.testing.assert_allclose(found, 0, atol=1e-12)


def test_the_users_graph_stays_as_it_is():
    """After a session has run, before and after the user's own gradients; training goes on."""
    with unoptimized() as s:
        w = v1.get_variable('w', initializer=W)
        x = v1.placeholder(tf.float64, (None, 4))
        T = loop(tf.nn.softplus(loop(x, w)), w)
        flat = row(tf.nn.softplus(row(x, w)), w)
        s.run(v1.global_variables_initializer())
        s.run(T, {x: XS})
        before = s.graph.as_graph_def()
        with DeepExplain(s) as de:
            same(de, T, flat, x)
        after = s.graph.as_graph_def()
        theirs = [n for n in after.node[len(before.node):] if not n.name.startswith('deepexplain2/')]
        assert not theirs, [n.name for n in theirs]
        assert list(before.node) == list(after.node[:len(before.node)])
        expected, found = s.run([tf.gradients(flat, [x, w]), tf.gradients(T, [x, w])], {x: XS})
        for a, b in zip(found, expected):
            np.testing.assert_allclose(a, b, rtol=1e-9)
        # TensorFlow's gradients have added counters and stacks to the loops
        with DeepExplain(s) as de:
            same(de, T + 0., flat, x, names=('elrp', 'grad*input'))
        train = v1.train.GradientDescentOptimizer(.01).minimize(tf.reduce_sum(T ** 2))
        s.run(train, {x: XS})
        with DeepExplain(s) as de:                          # with the new weights
            same(de, T + 0., flat, x, names=('deeplift',))


def test_refused_and_named():
    with unoptimized() as s, DeepExplain(s) as de:
        x, on = v1.placeholder(tf.float64, (None, 4), 'x'), v1.placeholder_with_default(True, ())
        T = tf.cond(tf.reduce_sum(x) > 0, lambda: tf.tanh(x), lambda: x) @ W
        refused(de, errors.RuleError, 'the branch that "cond" (StatelessIf) between X and T takes '
                'depends on X', 'deeplift', T, x)
        a = de.explain('elrp', T, x, XS, batch_size=1)
        expected = [de.explain('elrp', (tf.tanh(x) if v.sum() > 0 else x) @ W, x, v[None])[0] for v in XS]
        np.testing.assert_allclose(a, expected, rtol=1e-9)
        T = tf.while_loop(lambda h: tf.reduce_sum(h) < 100., lambda h: tf.nn.softplus(h) + 1., [x])[0] @ W
        refused(de, errors.RuleError, 'the number of iterations of "while" ', 'deeplift', T, x)
        assert np.isfinite(de.explain('elrp', T, x, XS, batch_size=1)).all()
        with v1.variable_scope('net'):
            T = tf.while_loop(lambda i, h: i < 3, lambda i, h: (i + 1, tf.tanh(tf.math.cumprod(h, 1))),
                              [0, x])[1]
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter('always', errors.NonlinearOpWarning)
            de.get_explainer('elrp', T, x)
        said = str(found[0].message)
        assert 'no rule for 1 nonlinear op' in said and '"net/while/Cumprod" (Cumprod)' in said
        inside = next(op for op in s.graph.get_operations() if op.name == 'net/while/Cumprod').outputs[0]
        refused(de, errors.PathError, 'inside a loop or conditional of TF1', 'elrp', inside, x)

        # a Merge of three is no conditional
        no, yes = tf.raw_ops.Switch(data=x, pred=on)
        T, _ = tf.raw_ops.Merge(inputs=[tf.tanh(no), yes, yes + 1.])
        for name in 'elrp', 'deeplift':
            refused(de, errors.RuleError, 'tf.compat.v1.enable_control_flow_v2()', name, T, x)
        refused(de, errors.PathError, '"Merge" (Merge) between X and T is TF1 control flow', 'saliency', T, x)
        no, yes = tf.raw_ops.Switch(data=x, pred=on)
        T, _ = tf.raw_ops.Merge(inputs=[tf.tanh(no), yes * 1.])                 # which two are
        np.testing.assert_allclose(de.explain('grad*input', T, x, XS), XS)

        # where a Python gradient holds the graph, plain gradients are built in place
        @tf.custom_gradient
        def tripled(h):
            return h * 2., lambda d: 3. * d
        T = tripled(loop(x))
        a, b = de.explain('grad*input', T, x, XS), de.explain('grad*input', row(x), x, XS)
        np.testing.assert_allclose(a, 3. * b, rtol=1e-9)
        a, b = de.explain('elrp', T, x, XS), de.explain('elrp', row(x), x, XS)
        np.testing.assert_allclose(a, 2. * b, rtol=1e-9)
