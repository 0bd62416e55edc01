"""The argument input_signature of from_keras and from_function, checked."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from ..errors import SourceError, shown


def as_signature(given: Any, way: str) -> list[Any]:
    """An input_signature as a list with one entry per argument, whose leaves are tf.TensorSpec. A single
    tf.TensorSpec becomes a list of one. Raises SourceError for anything else."""
    entries = [given] if isinstance(given, tf.TensorSpec) else given
    example = '[tf.TensorSpec((None, ...), tf.float32)], one entry per input, None for the batch'
    if not isinstance(entries, (list, tuple)):
        raise SourceError(f'{way}: input_signature must be a list of tf.TensorSpec, not {shown(given)}. Give '
                          f'{example}')
    if not entries:
        raise SourceError(f'{way}: input_signature is empty. Give {example}')
    for entry in entries:
        leaves = tf.nest.flatten(entry)
        if not leaves or not all(isinstance(leaf, tf.TensorSpec) for leaf in leaves):
            raise SourceError(f'{way}: input_signature holds {shown(entry)}, which is not a tf.TensorSpec. '
                              f'Give {example}')
        if any(leaf.dtype in (tf.variant, tf.resource) for leaf in leaves):
            raise SourceError(f'{way}: input_signature holds {shown(entry)}, which has no numbers. Give '
                              f'{example}')
    return list(entries)
