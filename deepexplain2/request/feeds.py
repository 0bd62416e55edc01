"""feed_dict: values of tensors beside X."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ..engine.row_data import Feed
from ..errors import FeedError, ShapeError, first_line
from ..tensors import as_tensor, batch_of, shape_text
from ..values import as_array


class Shared(NamedTuple):
    """A value of feed_dict that is the same for all rows of xs."""
    value: Any


def shared(value: Any) -> Shared:
    """A value of feed_dict that all rows of xs share, whatever its length.

    Parameters
    ----------
    value : array
        Shaped like the tensor that it is fed for, whole.

    Returns
    -------
    Shared
        To be given in feed_dict={tensor: shared(value)}. It is fed as it is in every run, however many rows
        that has, and is never split, repeated or taken for one entry per row.

    Notes
    -----
    For inputs that leave their first axis open without meaning the batch, such as a vector of settings
    declared as (None,). What has no open first axis is shared without this.

    Examples
    --------
    >>> import deepexplain2
    >>> deepexplain2.shared([.2, .3, .5]).value
    [0.2, 0.3, 0.5]
    """
    return Shared(value)


def as_feeds(given: Mapping[Any, Any] | None, graph: tf.Graph, tensors: Sequence[tf.Tensor],
          varies: Callable[[tf.Tensor], bool],
          n: int) -> dict[str, Feed]:
    """feed_dict by tensor name. A value for a tensor that leaves its first axis open, or fixes it as X does,
    has one entry per row of xs and goes with its rows (or a single one, for all), unless it is given as
    shared; the value of any other tensor is the same in every run."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise FeedError(f'feed_dict must be a dict of tensors to values, not {type(given).__name__}')
    fixed = {batch_of(x) for x in tensors} - {None}
    result = {}
    for key, value in given.items():
        t = as_tensor(key, graph, 'a key of feed_dict')
        if t.name in {x.name for x in tensors}:
            raise FeedError(f'feed_dict feeds X "{t.name}", which xs already does')
        if varies(t):
            raise FeedError(f'feed_dict feeds "{t.name}", which lies between X and T: T would no longer '
                            f'depend on X through it')
        if t.op.type == 'Const' or not graph.is_feedable(t):
            raise FeedError(f'feed_dict feeds "{t.name}" ({t.op.type}), which cannot be fed. Feed a '
                            f'placeholder')
        is_shared, value = isinstance(value, Shared), value.value if isinstance(value, Shared) else value
        v = (_strings(value, t) if t.dtype == tf.string
             else as_array(value, t.dtype, f'feed_dict for "{t.name}"'))
        rows = batch_of(t)
        per_row = (not is_shared and t.shape.rank != 0 and v.ndim > 0
                   and (rows is None or (rows in fixed and len(v) == n)))
        if not t.shape.is_compatible_with((None,) + v.shape[1:] if per_row else v.shape):
            raise FeedError(f'feed_dict gives shape {v.shape} for "{t.name}", which takes '
                            f'{shape_text(t.shape)}')
        if per_row and len(v) not in (1, n):
            raise FeedError(f'feed_dict gives {len(v)} rows for "{t.name}" {shape_text(t.shape)}, but xs has '
                            f'{n}. Give one entry per row; a value that is the same for all rows is given as '
                            f'deepexplain2.shared(value)')
        result[t.name] = Feed(t, v, per_row and len(v) == n)
    return result


def _strings(value: Any, tensor: tf.Tensor) -> np.ndarray:
    try:
        given = np.asarray(value)
    except Exception as e:
        raise ShapeError(f'feed_dict for "{tensor.name}" is not an array of strings: got '
                         f'{type(value).__name__} ({first_line(e)})') from None
    if given.dtype.kind not in 'OUS' or not all(isinstance(v, (str, bytes)) for v in given.flat):
        raise ShapeError(f'feed_dict for "{tensor.name}" is not an array of strings: got '
                         f'{type(value).__name__} of dtype {given.dtype}')
    return given
