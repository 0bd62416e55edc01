"""The names of tensors: a name stands for one tensor, or is refused with all that it could mean."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import tensorflow as tf

from ..errors import TensorError
from ..graph.walks import explainable

NO_TENSOR = ('is computed inside a loop, a conditional or a function of the model, so that no one tensor of '
             'the graph is its output')


@dataclass(eq=False)
class LayerOutput:
    """One output of one call of a layer, named after the calls it stands in: 'backbone/conv'.

    Parameters
    ----------
    parts : sequence of (str, int or None, bool)
        For each of these calls, outermost first: the name of the layer, the number of the call ('enc/1'), and
        whether there are other calls of this name.
    index : str
        Which output, if the layer has several ('lstm:1'); otherwise empty.
    tensor : tf.Tensor or None
        The tensor; None if no tensor of the graph is this output.
    """
    parts: Sequence[tuple[str, int | None, bool]]
    index: str
    tensor: tf.Tensor | None

    @cached_property
    def label(self) -> str:
        """The name, with the number of a call where there are several calls."""
        parts = (f'{name}/{place}' if is_repeated and place is not None else name
                 for name, place, is_repeated in self.parts)
        return '/'.join(parts) + (f':{self.index}' if self.index else '')

    def is_called(self, name: str, from_within: bool = False) -> bool:
        """Whether `name` fits, with or without the number of a call or output. from_within: also without some
        of the outer calls."""
        if self.parts[-1][0] not in name:
            return False
        return bool((self._inner if from_within else self._whole).fullmatch(name))

    @cached_property
    def _whole(self) -> re.Pattern:
        return re.compile('/'.join(self._patterns) + self._index)

    @cached_property
    def _inner(self) -> re.Pattern:
        *outer, last = self._patterns
        pattern = ''
        for part in outer:
            pattern = f'(?:{pattern}{part}/)?'
        return re.compile(pattern + last + self._index)

    @property
    def _patterns(self) -> list[str]:
        return [re.escape(name) + ('' if place is None else f'(?:/{place})?')
                for name, place, _ in self.parts]

    @property
    def _index(self) -> str:
        return f'(?::{re.escape(self.index)})?' if self.index else ''


@dataclass
class Names:
    """The names in a graph: of inputs and outputs (pairs of a name and its tensor), layers and ops."""
    graph: tf.Graph
    inputs: Sequence[tuple[str, tf.Tensor]] = ()
    outputs: Sequence[tuple[str, tf.Tensor]] = ()
    layers: Sequence[LayerOutput] = ()

    def tensor(self, name: str) -> tf.Tensor:
        """The one tensor of that name.

        'op:0' is always that tensor. A layer inside other layers may be given without their names.

        Raises TensorError if there is no such tensor, with the closest names, or if there are several.
        """
        if ':' in name:
            try:
                return self.graph.get_tensor_by_name(name)
            except (KeyError, ValueError):
                pass
        found: list[tuple[str, tf.Tensor | None]] = [
            (f'the {kind} {n!r}', t) for kind, pairs in (('input', self.inputs), ('output', self.outputs))
            for n, t in named(name, pairs)]
        found += self._layer_outputs(name)
        try:
            found += [(f'the op {name!r}', t) for t in self.graph.get_operation_by_name(name).outputs]
        except (KeyError, ValueError):
            pass
        found = found or self._layer_outputs(name, from_within=True)
        if not found:
            raise TensorError(f'no tensor {name!r} in the graph.{self._close(name)} describe() lists what '
                              'there is')
        return one_of(found, f'the name {name!r}')

    def _layer_outputs(self, name: str, from_within: bool = False) -> list[tuple[str, tf.Tensor | None]]:
        called = sorted((entry for entry in self.layers if entry.is_called(name, from_within)),
                        key=lambda entry: entry.label)
        return [(f'the layer {entry.label!r}', entry.tensor) for entry in called]

    def _close(self, name: str) -> str:
        known = [*(n for n, _ in [*self.inputs, *self.outputs]), *(entry.label for entry in self.layers),
                 *(t.name for t in explainable(self.graph))]
        close = (difflib.get_close_matches(name, known, n=5, cutoff=.4)
                 or [k for k in known if name.split(':')[0] in k][:5])
        return f' Close: {", ".join(dict.fromkeys(close))}.' if close else ''


def named(name: str, pairs: Iterable[tuple[str, tf.Tensor]]) -> list[tuple[str, tf.Tensor]]:
    """The pairs with that name, or with a name inside it: 'a/0' and 'a/1' are inside 'a'."""
    return [(n, t) for n, t in pairs if n == name or n.startswith(f'{name}/')]


def one_of(found: Iterable[tuple[str, tf.Tensor | None]], what: str) -> tf.Tensor:
    """The one tensor among pairs of a description and a tensor.

    Raises TensorError, with all descriptions, if there are several tensors, or none that can be given.
    """
    meant: dict[str | None, tuple[str, tf.Tensor | None]] = {}
    for description, tensor in found:
        meant.setdefault(tensor.name if tensor is not None else None, (description, tensor))
    if len(meant) == 1:
        [(description, tensor)] = meant.values()
        if tensor is None:
            raise TensorError(f'{description} {NO_TENSOR}. Choose a tensor before or after it')
        return tensor
    listed = [f'{description}, ' + (f'tensor "{tensor.name}"' if tensor is not None else f'which {NO_TENSOR}')
              for description, tensor in meant.values()]
    raise TensorError(f'{what} is ambiguous: it could be {"; ".join(listed[:10])}'
                      f'{"; ..." if len(listed) > 10 else ""}. Give one of these names, or the name of the '
                      'tensor')
