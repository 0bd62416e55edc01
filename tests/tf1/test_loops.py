"""Loops and conditionals of TF1 (disable_v2_behavior): as if the layers stood in a row. Each script in a
process of its own."""

import subprocess
import sys
import textwrap

import pytest

PRELUDE = '''
    import warnings
    import numpy as np, tensorflow as tf
    from deepexplain2 import DeepExplain, errors
    v1 = tf.compat.v1
    v1.disable_v2_behavior()
    warnings.simplefilter('ignore')
    W = np.random.default_rng(0).normal(size=(4, 4))
    XS = np.random.default_rng(1).normal(size=(3, 4))

    def same(de, T, flat, x, xs=XS, feed=None, names=('elrp', 'deeplift', 'grad*input')):
        """T and its twin without control flow: the same attributions, deeplift complete."""
        baseline = np.full(x.shape[1:], .3)
        run = lambda values: de.session.run(T, {x: values, **(feed or {})})
        for name in names:
            given = {'baseline': baseline} if name == 'deeplift' else {}
            a = de.explain(name, T, x, xs, feed_dict=feed, **given)
            np.testing.assert_allclose(a, de.explain(name, flat, x, xs, feed_dict=feed, **given), rtol=1e-9, atol=1e-12, err_msg=name)
        a = de.explain('deeplift', T, x, xs, feed_dict=feed, baseline=baseline).reshape(len(xs), -1).sum(1)
        difference = run(xs) - run(np.broadcast_to(baseline, xs.shape))
        np.testing.assert_allclose(a, difference.reshape(len(xs), -1).sum(1), rtol=1e-9, atol=1e-12)

    def refused(de, kind, match, name, T, x):
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
        """A loop with a conditional on its counter and a loop inside; one over an array with a conditional inside; a conditional."""
        def turn(i, h):
            h = tf.cond(i > 0, lambda: tf.nn.softplus(h), lambda: tf.nn.elu(2 * h))
            return i + 1, loop(h, w, 2)
        h = tf.while_loop(lambda i, _: i < 2, turn, [0, x])[1]
        h = tf.map_fn(lambda r: tf.cond(on, lambda: tf.sigmoid(r) * tf.tanh(r), lambda: r), h)
        return tf.cond(on, lambda: tf.nn.relu(h), lambda: tf.cond(tf.logical_not(on), lambda: loop(h, w, 1), lambda: h))

    def nested_row(x, w, on):
        for i in range(2):
            x = row(tf.nn.softplus(x) if i else tf.nn.elu(2 * x), w, 2)
        return tf.nn.relu(tf.sigmoid(x) * tf.tanh(x)) if on else row(x, w, 1)
'''


def run(script):
    text = textwrap.dedent(PRELUDE) + textwrap.dedent(script)
    found = subprocess.run([sys.executable, '-c', text], capture_output=True, text=True, timeout=600)
    assert found.returncode == 0, found.stderr[-3000:]


@pytest.mark.parametrize('cell, lengths, time_major', [('LSTM', True, False), ('GRU', False, True),
                                                       ('LSTM', False, True)])
def test_dynamic_rnn(cell, lengths, time_major):
    """dynamic_rnn and the same steps in a row, also for rows that end early."""
    run(f'''
        class Cell:
            output_size = 4
            state_size = (4, 4) if '{cell}' == 'LSTM' else 4

            def __init__(self):
                draw = np.random.default_rng(3).normal
                self.k, self.b, self.c = draw(size=(7, 16)), draw(size=16), draw(size=(7, 4))

            def zero_state(self, n, dtype):
                zero = tf.zeros([n, 4], dtype)
                return (zero, zero) if '{cell}' == 'LSTM' else zero

            def __call__(self, x, state, scope=None):
                if '{cell}' == 'LSTM':
                    c, h = state
                    i, j, f, o = tf.split(tf.nn.bias_add(tf.matmul(tf.concat([x, h], 1), self.k), self.b), 4, 1)
                    c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(j)
                    h = tf.sigmoid(o) * tf.tanh(c)
                    return h, (c, h)
                r, u = tf.split(tf.sigmoid(tf.matmul(tf.concat([x, state], 1), self.k[:, :8]) + self.b[:8]), 2, 1)
                c = tf.tanh(tf.matmul(tf.concat([x, r * state], 1), self.c))
                h = u * state + (1. - u) * c
                return h, h

        lengths, time_major = {lengths}, {time_major}
        with v1.Session() as s:
            x = v1.placeholder(tf.float64, (None, 5, 3))
            n = v1.placeholder(tf.int32, (None,))
            xs = np.random.default_rng(2).normal(size=(3, 5, 3))
            cell = Cell()
            inputs = tf.transpose(x, [1, 0, 2]) if time_major else x
            out, state = v1.nn.dynamic_rnn(cell, inputs, n if lengths else None, dtype=tf.float64, time_major=time_major)
            T = tf.reduce_sum(out, 0 if time_major else 1) + 2. * tf.nest.flatten(state)[-1]
            state, total = cell.zero_state(tf.shape(x)[0], x.dtype), 0.
            for k in range(5):
                h, new = cell(x[:, k], state)
                on = tf.tile((k < n)[:, None], [1, 4]) if lengths else None
                total += tf.where(on, h, tf.zeros_like(h)) if lengths else h
                state = tf.nest.map_structure(lambda a, b: tf.where(on, a, b), new, state) if lengths else new
            flat = total + 2. * tf.nest.flatten(state)[-1]
            feed = {{n: np.array([5, 2, 0])}} if lengths else {{}}
            np.testing.assert_allclose(*s.run([T, flat], {{x: xs, **feed}}), rtol=1e-12)
            with DeepExplain(s) as de:
                same(de, T, flat, x, xs, feed)
                gradient = s.run(tf.gradients(T, x)[0], {{x: xs, **feed}})
                np.testing.assert_allclose(de.explain('grad*input', T + 0., x, xs, feed_dict=feed), gradient * xs, rtol=1e-9, atol=1e-12)
    ''')


@pytest.mark.parametrize('resource', [False, True])
def test_nested_with_variables_through_every_way_in(resource):
    """Built outside and inside a context; restored from a MetaGraph; frozen and imported."""
    run(f'''
        import tempfile
        with tf.Graph().as_default() as graph, v1.Session() as s:
            w = v1.get_variable('w', initializer=W, use_resource={resource})
            x, on = v1.placeholder(tf.float64, (None, 4), 'x'), v1.placeholder(tf.bool, (), 'on')
            T = tf.identity(nested(x, w, on), 'T')
            s.run(v1.global_variables_initializer())
            meta = v1.train.export_meta_graph()
            frozen = v1.graph_util.convert_variables_to_constants(s, graph.as_graph_def(), ['T'])
            folder = tempfile.TemporaryDirectory()
            saved = v1.train.Saver().save(s, folder.name + '/model')
            with DeepExplain(s) as de:
                for value in True, False:
                    same(de, T, nested_row(x, w, value), x, feed={{on: value}})
                same(de, nested(x, w, on), nested_row(x, w, True), x, feed={{on: True}}, names=['elrp'])
        if {resource}:
            raise SystemExit
        with tf.Graph().as_default() as graph, v1.Session() as s, DeepExplain(s) as de:
            v1.train.import_meta_graph(meta).restore(s, saved)
            x, on, T = (graph.get_tensor_by_name(n) for n in ('x:0', 'on:0', 'T:0'))
            same(de, T, nested_row(x, tf.constant(W), True), x, feed={{on: True}}, names=['deeplift'])
        with tf.Graph().as_default() as graph, v1.Session() as s, DeepExplain(s) as de:
            x, on, T = tf.graph_util.import_graph_def(frozen, name='a', return_elements=['x:0', 'on:0', 'T:0'])
            same(de, T, nested_row(x, tf.constant(W), True), x, feed={{on: True}}, names=['elrp', 'grad*input'])
        with DeepExplain.from_graph_def(frozen) as de:
            assert np.isfinite(de.explain('elrp', 'T', 'x', XS, feed_dict={{de.tensor('on'): True}})).all()
    ''')


def test_loops_of_tf2_lowered_when_frozen():
    run('''
        from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
        v1.enable_v2_behavior()
        f = tf.function(lambda x, on: nested(x, tf.constant(W), on),
                        input_signature=[tf.TensorSpec((None, 4), tf.float64), tf.TensorSpec((), tf.bool)])
        frozen = convert_variables_to_constants_v2(f.get_concrete_function())
        graph_def = frozen.graph.as_graph_def()
        assert {'Enter', 'Switch'} <= {n.op for n in graph_def.node}
        v1.disable_v2_behavior()
        with tf.Graph().as_default(), v1.Session() as s, DeepExplain(s) as de:
            x, on, T = tf.graph_util.import_graph_def(graph_def, return_elements=[*(i.name for i in frozen.inputs), frozen.outputs[0].name])
            for value in True, False:
                same(de, T, nested_row(x, tf.constant(W), value), x, feed={on: value})
    ''')


def test_conditionals():
    run('''
        with v1.Session() as s, DeepExplain(s) as de:
            x, on, k = v1.placeholder(tf.float64, (None, 4)), v1.placeholder(tf.bool, ()), v1.placeholder(tf.int32, ())
            same(de, tf.cond(on, lambda: tf.tanh(x), lambda: x) * 1., tf.tanh(x), x, feed={on: True})
            same(de, tf.cond(on, lambda: tf.tanh(x), lambda: x) * 1., x * 1., x, feed={on: False})
            a, b = tf.cond(on, lambda: (tf.tanh(x), tf.constant(2., x.dtype)), lambda: (x, tf.constant(3., x.dtype)))
            same(de, a * b, tf.tanh(x) * 2., x, feed={on: True})
            same(de, a * b, x * 3., x, feed={on: False})
            same(de, tf.cond(on, lambda: tf.sigmoid(a), lambda: a), tf.sigmoid(tf.tanh(x)), x, feed={on: True})    # the same predicate again
            ways = [tf.tanh, tf.nn.elu, lambda h: 2. * h]
            for T in (tf.switch_case(k, [lambda: tf.tanh(x), lambda: tf.nn.elu(x), lambda: 2. * x]),
                      tf.case([(k < 1, lambda: tf.tanh(x)), (k < 2, lambda: tf.nn.elu(x))], lambda: 2. * x)):
                for value, way in enumerate(ways):
                    same(de, T, way(x), x, feed={k: value})
            T = tf.cond(on, lambda: loop(x), lambda: x)
            same(de, T, row(x), x, feed={on: True})
            # random numbers with two uses: drawn once
            a, b = tf.cond(on, lambda: (lambda m: (m * x, m + 0. * x))(tf.random.uniform([4], dtype=x.dtype)), lambda: (x, x))
            found = de.explain('grad*input', tf.reduce_sum(tf.tanh(a - b * x), 1), x, XS, feed_dict={on: True})
            np.testing.assert_allclose(found, 0, atol=1e-12)
    ''')


def test_loops():
    run('''
        with v1.Session() as s, DeepExplain(s) as de:
            x = v1.placeholder(tf.float64, (None, 4), 'x')
            same(de, loop(x), row(x), x)
            n = v1.placeholder(tf.int32, ())
            same(de, loop(x, n=n), row(x), x, feed={n: 3})
            same(de, tf.while_loop(lambda i, h: i < 3, lambda i, h: (i + 1, h * 2. + tf.cast(i, x.dtype)), [0, x])[1], 8. * x, x)
            T = tf.while_loop(lambda i, h: i < tf.shape(x)[1], lambda i, h: (i + 1, h + tf.tanh(x[:, i])), [0, tf.zeros_like(x[:, 0])])[1]
            same(de, T, tf.reduce_sum(tf.tanh(x), 1), x)
            T = tf.while_loop(lambda i, h: i < 3, lambda i, h: (i + 1, tf.concat([h, tf.tanh(h[:, -1:])], 1)), [0, x],
                              shape_invariants=[tf.TensorShape([]), tf.TensorShape([None, None])])[1]
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
            for _ in range(12):
                T = loop(tf.cond(n > 0, lambda: tf.nn.softplus(T), lambda: T), n=1)
            flat = x
            for _ in range(12):
                flat = row(tf.nn.softplus(flat), n=1)
            same(de, T, flat, x, feed={n: 3}, names=('deeplift',))
    ''')


def test_arrays():
    run('''
        with v1.Session() as s, DeepExplain(s) as de:
            x = v1.placeholder(tf.float64, (None, 4))
            z = tf.tanh(x)
            T = tf.TensorArray(x.dtype, 0, dynamic_size=True, element_shape=(None, 4), infer_shape=False).split(tf.tanh(x), [1, 2]).concat()
            same(de, T, z, x)
            array = tf.TensorArray(x.dtype, 4, clear_after_read=False).unstack(tf.tanh(tf.transpose(x)))
            T = array.read(0) + array.read(1) * tf.cast(array.size(), x.dtype) + array.gather([0, 2])[1]
            same(de, T, z[:, 0] + 4. * z[:, 1] + z[:, 2], x)
            # written in a loop that does not know X, read and written in one that does
            array = tf.while_loop(lambda i, a: i < 4, lambda i, a: (i + 1, a.write(i, tf.cast(i, x.dtype) * [1., 2, 3, 4])),
                                  [0, tf.TensorArray(x.dtype, 4)])[1]
            read = tf.while_loop(lambda i, a, b: i < 4, lambda i, a, b: (i + 1, a, b.write(i, tf.tanh(x * a.read(i)))),
                                 [0, array, tf.TensorArray(x.dtype, 0, dynamic_size=True)])[2].stack()
            flat = tf.stack([tf.tanh(x * [1. * i, 2 * i, 3 * i, 4 * i]) for i in range(4)])
            same(de, tf.reduce_sum(read, 0), tf.reduce_sum(flat, 0), x)
        # constants and weights called as TensorFlow calls what it makes for lists and loops; an unnamed one is Const
        names = ['Const', 'Const_1', 'while', 'while/loop_counter', 'while/maximum_iterations', 'strided_slice', 'TensorListFromTensor', 'x_0',
                 'TensorListReserve', 'TensorListLength', 'TensorListStack', 'TensorListScatterIntoExistingList', 'Placeholder', 'source_0']
        with tf.Graph().as_default(), v1.Session() as s, DeepExplain(s) as de:
            keep = [tf.constant(np.full((4, 20), 1. + k / 9), name=n)[:, :1] if k % 2 else tf.constant(1. + k / 9, name=n)
                    for k, n in enumerate(names)]
            first, second = (tf.reduce_sum(tf.cast(k, tf.float64)) for k in keep[:2])
            x = v1.placeholder(tf.float64, (None, 4))
            array = tf.TensorArray(x.dtype, 4).unstack(tf.transpose(x))
            _, T, made = tf.while_loop(lambda i, h, a: i < 4, lambda i, h, a: (i + 1, tf.tanh(h + array.read(i)) * first, a.write(i, h * second)),
                                       (0, tf.zeros_like(x[:, 0]), tf.TensorArray(x.dtype, 4)))
            T, h = T + made.read(3), 0. * x[:, 0]
            for i in range(4):
                last, h = h, tf.tanh(h + x[:, i]) * first
            flat = h + last * second
            for k in keep:
                T, flat = (t * tf.reduce_sum(tf.cast(k, t.dtype)) for t in (T, flat))
            same(de, T, flat, x)
    ''')


def test_the_users_graph_stays_as_it_is():
    """After a session has run, before and after the user's own gradients; training goes on."""
    run('''
        with v1.Session() as s:
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
            with DeepExplain(s) as de:                          # TensorFlow's gradients have added counters and stacks to the loops
                same(de, T + 0., flat, x)
            train = v1.train.GradientDescentOptimizer(.01).minimize(tf.reduce_sum(T ** 2))
            s.run(train, {x: XS})
            with DeepExplain(s) as de:                          # with the new weights
                same(de, T + 0., flat, x)
    ''')


def test_refused_and_named():
    run('''
        with v1.Session() as s, DeepExplain(s) as de:
            x, on = v1.placeholder(tf.float64, (None, 4), 'x'), v1.placeholder_with_default(True, ())
            T = tf.cond(tf.reduce_sum(x) > 0, lambda: tf.tanh(x), lambda: x) @ W
            refused(de, errors.RuleError, 'the branch that "cond" (StatelessIf) between X and T takes depends on X', 'deeplift', T, x)
            a = de.explain('elrp', T, x, XS, batch_size=1)
            expected = [de.explain('elrp', (tf.tanh(x) if v.sum() > 0 else x) @ W, x, v[None])[0] for v in XS]
            np.testing.assert_allclose(a, expected, rtol=1e-9)
            T = tf.while_loop(lambda h: tf.reduce_sum(h) < 100., lambda h: tf.nn.softplus(h) + 1., [x])[0] @ W
            refused(de, errors.RuleError, 'the number of iterations of "while" ', 'deeplift', T, x)
            assert np.isfinite(de.explain('elrp', T, x, XS, batch_size=1)).all()
            with v1.variable_scope('net'):
                T = tf.while_loop(lambda i, h: i < 3, lambda i, h: (i + 1, tf.tanh(tf.math.cumprod(h, 1))), [0, x])[1]
            with warnings.catch_warnings(record=True) as found:
                warnings.simplefilter('always', errors.NonlinearOpWarning)
                de.get_explainer('elrp', T, x)
            assert 'no rule for 1 nonlinear op' in str(found[0].message) and '"net/while/Cumprod" (Cumprod)' in str(found[0].message)
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
            np.testing.assert_allclose(de.explain('elrp', T, x, XS), 2. * de.explain('elrp', row(x), x, XS), rtol=1e-9)
    ''')
