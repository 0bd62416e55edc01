"""The eager model, called and then left as it was."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context as eager_context

from ..source import Source


def evaluate(source: Source, arrays: Sequence[np.ndarray], times: int = 1) -> list[list[np.ndarray]]:
    """The outputs of the eager model, `times` times in a row, every time with other seeds."""
    assert source.original is not None
    answers = []
    with tf.init_scope(), _restored(source.states) as variables, warnings.catch_warnings():
        warnings.simplefilter('ignore')
        tensors = [tf.constant(a, x.dtype) for a, x in zip(arrays, source.inputs)]
        for k in range(times):
            # another state than during the trace: a number that the trace drew is a constant in the graph
            np.random.seed(k + 1)           # noqa: NPY002
            random.seed(k + 1)
            for handle, value in variables if k else ():
                # seeds of Keras, and states of tf.random.Generator
                if value.dtype == tf.uint32 or (value.dtype == tf.int64 and value.shape == (3,)):
                    tf.raw_ops.AssignVariableOp(resource=handle, value=value + tf.cast(k, value.dtype))
            answers.append([np.asarray(y) for y in source.original(*tensors)])
    return answers


@contextmanager
def _restored(handles: Sequence[tf.Tensor]) -> Iterator[list[tuple[tf.Tensor, tf.Tensor]]]:
    """Yield (handle, value) of the variables, and restore them and the global random states at the end.
    Buffers are shared: nothing is copied."""
    values = []
    for handle in handles:
        data = handle._handle_data
        if data is not None and data.is_set and tf.raw_ops.VarIsInitializedOp(resource=handle):
            dtype = tf.as_dtype(data.shape_and_type[0].dtype)
            values.append((handle, tf.raw_ops.ReadVariableOp(resource=handle, dtype=dtype)))
    eager = eager_context.context()
    eager_rng, numpy_state, python_state = vars(eager).get('_rng'), np.random.get_state(), random.getstate()     # noqa: NPY002
    if eager_rng is not None:
        # TensorFlow's kernels keep their place in the sequence of a seed: take others than the user's next
        eager._rng = random.Random(0x5eed)
    try:
        yield values
    finally:
        for handle, value in values:
            tf.raw_ops.AssignVariableOp(resource=handle, value=value)
        if eager_rng is not None:
            eager._rng = eager_rng
        np.random.set_state(numpy_state)       # noqa: NPY002
        random.setstate(python_state)
