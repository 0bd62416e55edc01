"""python switches.py BEFORE AFTER: attributions, printed after the import and after every switch in AFTER.

BEFORE and AFTER are names in tf.compat.v1, with commas between. BEFORE is switched before the import of the
library, which prints nothing, turns no switch and loads no package that is optional.
"""

import contextlib
import io
import sys

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
before, after = (names.split(',') if names else [] for names in sys.argv[1:])
OPTIONAL = 'matplotlib', 'tqdm', 'torch'


def state():
    return tf.executing_eagerly(), v1.control_flow_v2_enabled(), v1.resource_variables_enabled()


def attributions():
    """Of all methods, on a net with a variable, printed."""
    was = state()
    with tf.Graph().as_default(), v1.Session() as s:
        x = v1.placeholder(tf.float64, (None, 3))
        w = v1.get_variable('w', initializer=np.array([[1., -2], [.5, 1], [-1, 3]]))
        T = tf.nn.tanh(tf.nn.relu(x @ w) @ np.array([[1.], [.5]]))
        s.run(v1.global_variables_initializer())
        xs = np.array([[1., 2, .5], [-1, .3, 2]])
        with deepexplain2.DeepExplain(s) as de:
            for name in (n for n, cls in deepexplain2.methods.items() if cls.needs_space is not True):
                print(name, np.round(de.explain(name, T, x, xs), 9).tolist())
    assert state() == was


for switch in before:
    getattr(v1, switch)()
was, loaded = state(), set(sys.modules)
out, err = io.StringIO(), io.StringIO()
with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
    import deepexplain2
assert out.getvalue() == err.getvalue() == '', (out.getvalue(), err.getvalue())
assert state() == was
new = [m for m in OPTIONAL if m in sys.modules and m not in loaded]
assert not new, new
attributions()
for switch in after:
    getattr(v1, switch)()
    attributions()
