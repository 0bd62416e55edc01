"""The batch axis of tensors: how it is recognized, and what a row holds."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ..tensors import sizes

# Numbers of rows to infer shapes with: an axis with as many entries as rows were asked for is the batch axis.
PRIME_BATCH_SIZES = 7919, 7907


def row_size(tensor: tf.Tensor) -> int:
    """Entries per row; open axes other than the first count 1."""
    return int(np.prod([d or 1 for d in sizes(tensor)[1:]], dtype=np.int64))
