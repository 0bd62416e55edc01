"""The inputs and outputs of a model by position and name, and the table of `DeepExplain.describe`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, SupportsIndex, overload

import numpy as np
import tensorflow as tf

from ..errors import NoTensorError, TensorError, shown
from ..session import HoldsSession
from .names import named, one_of


class Tensors(HoldsSession, Sequence[tf.Tensor]):
    """Tensors by position and by name: `de.inputs` and `de.outputs`.

    `tensors[0]` and `tensors['name']` are a tf.Tensor, `tensors[1:]` is a list of them. A tensor is found by
    its name in the model, by the name of its op, or by its own name ('op:0').

    Raises
    ------
    NoTensorError
        If there is no tensor of that position or name. It is an IndexError, and lists the names.
    TensorError
        If the name may stand for several tensors, or the key is neither a position nor a name.
    """

    def __init__(self, tensors: Sequence[tf.Tensor], names: Sequence[tuple[str, tf.Tensor]] = ()):
        self._tensors, self._names = list(tensors), list(names)

    def __len__(self) -> int:
        return len(self._tensors)

    @overload
    def __getitem__(self, key: SupportsIndex | str) -> tf.Tensor: ...

    @overload
    def __getitem__(self, key: slice) -> list[tf.Tensor]: ...

    def __getitem__(self, key: Any) -> tf.Tensor | list[tf.Tensor]:
        if isinstance(key, slice):
            return self._tensors[key]
        if isinstance(key, (int, np.integer)):
            if -len(self) <= key < len(self):
                return self._tensors[key]
            raise NoTensorError(f'no tensor {shown(key)} here: there are {len(self)}')
        if not isinstance(key, str):
            raise TensorError(f'a tensor is found by its position or its name, not by {shown(key)}')
        found = [(f'{name!r}', t) for name, t in named(key, self._names)]
        found = found or [(f'an output of the op {key!r}', t) for t in self._tensors
                          if key in (t.name, t.op.name)]
        if not found:
            known = [name for name, _ in self._names] or [t.name for t in self._tensors]
            raise NoTensorError(f'no tensor {key!r} here. There are: ' + ', '.join(dict.fromkeys(known)))
        return one_of(found, f'the name {key!r}')

    def __repr__(self) -> str:
        return repr(self._tensors)


class Description(list[tuple[str, str, str, str, str]]):
    """Rows (tensor, shape, op, layer, role) of the tensors of a graph. It prints as a table."""

    def __str__(self) -> str:
        rows = [('tensor', 'shape', 'op', 'layer', ''), *self]
        widths = [max(len(row[k]) for row in rows) for k in range(5)]
        return '\n'.join('  '.join(v.ljust(w) for v, w in zip(row, widths)).rstrip() for row in rows)

    def __repr__(self) -> str:
        return f'<{len(self)} tensors>'
