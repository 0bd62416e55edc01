"""The script that shows a failure."""

from __future__ import annotations

import numpy as np

from . import graphs, layers
from .cases import Failure


def script(failure: Failure) -> str:
    """Python that makes the network and makes the call that is wrong."""
    program = failure.program.without_names()
    setting = program.setting
    head = f'# {failure.what}\n# {failure.message}\n# {({k: v for k, v in setting.items() if k not in ("matrices", "biases", "weights")})}\n' \
        'import keras, numpy as np, tensorflow as tf\nfrom deepexplain2 import DeepExplain\n' \
        f'DTYPE, L, rng = {setting["dtype"]!r}, keras.layers, np.random.default_rng([{program.seed}, 1])\n'
    last = program.lines[-1].partition(' = ')[0] if program.lines else 'h0'
    if program.kind == 'model':
        return head + layers.PRELUDE + f'keras.config.set_floatx(DTYPE)\n{program.source("")}' \
            f'model = keras.Model({"[h0, second]" if "another_input" in program.source() else "h0"}, {last})        # weights: those that\n' \
            f'# tests.fuzz.layers.build(tests.fuzz.layers.random_model({program.seed}), tests.fuzz.layers.random_model({program.seed}).rng(3)) gives\n' \
            'with DeepExplain.from_keras(model) as de:\n    T, X, feeds = de.outputs[0], de.inputs[0], None\n' \
            f'    # {failure.call}\n'
    unit = '[:, 0]' if setting['ys'] == 'one unit' else ''
    return head + graphs.PRELUDE + f'\ndef model(h0, P):\n{program.source()}    return {last}{unit}\n\n' \
        f'xs, baseline = rng.normal(size=({setting["rows"]}, 6)).astype(DTYPE), (rng.normal(size=6) * rng.choice([0, .5])).astype(DTYPE)\n' \
        f'ys = {_ys(failure)}\n' + _way(setting['way'], setting['P'], failure.call)


def _ys(failure: Failure) -> str:
    from .cases import _weights
    ys, _ = _weights(failure.program, failure.program.setting['rows'], graphs.WIDTH)
    return 'None' if ys is None else f'np.array({np.asarray(ys).tolist()})'


def _way(way: str, p: bool, call: str) -> str:
    if way.startswith('session'):
        old = 'tf.compat.v1.disable_control_flow_v2()\n' if 'without' in way else ''
        return old + 'with tf.Graph().as_default(), tf.compat.v1.Session() as s, DeepExplain(s) as de:\n' \
            '    X, P = tf.compat.v1.placeholder(DTYPE, (None, 6)), tf.compat.v1.placeholder(tf.bool, ())\n' \
            f'    T, feeds = model(X, P), {{P: {p}}}\n    print({call})\n'
    return f'# way in: {way}\nwith DeepExplain.from_function(lambda x: model(x, tf.constant({p})), [tf.TensorSpec((None, 6), DTYPE)]) as de:\n' \
        f'    T, X, feeds = de.outputs[0], de.inputs[0], None\n    print({call})\n'

