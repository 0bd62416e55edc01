"""A graph and a session to be explained, and what their tensors are called."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf
from typing_extensions import Self  # comes with TensorFlow

from .errors import ContextError, TensorError
from .graph.walks import explainable, user_placeholders
from .session import check_open
from .sources import Source, terminal_outputs
from .sources.names import Names, one_of
from .sources.operators import with_operators
from .sources.raw import RawInput, raw_arrays
from .sources.tensors_by_name import Description, Tensors
from .tensors import as_tensor, shape_text
from .ways_in import WaysIn


class ModelContext(WaysIn):
    """A session and its graph: how it is entered and closed, and what its tensors are called."""

    def __init__(self, session: Any = None, graph: tf.Graph | None = None):
        super().__init__(session, graph)
        self._entered: list[ExitStack] = []

    def __enter__(self) -> Self:
        check_open(self.session)
        stack = ExitStack()
        # a model from elsewhere: the caller goes on in eager mode, and never sees the graph
        if self._source is None:
            stack.enter_context(self.graph.as_default())
        self._entered.append(stack)
        return self

    def __exit__(self, *exception: Any) -> None:
        if not self._entered:
            raise ContextError('this context is not entered, or was left before. Use "with '
                               'DeepExplain(session) as de:" '
                               'once around the calls')
        self._entered.pop().close()

    def close(self) -> None:
        """End a context of a from_... method: its session is closed, and with it all its explainers. The
        session of a user stays open. What nobody holds any more is closed as well, without this call."""
        if self._source is not None:
            self.session.close()

    @property
    def inputs(self) -> Tensors:
        """The inputs of the model by position and name: of a session the placeholders of its graph."""
        if self._source is None:
            return Tensors(user_placeholders(self.graph))
        return Tensors([with_operators(t) for t in self._source.inputs], self._source.input_names)

    @property
    def outputs(self) -> Tensors:
        """The outputs of the model by position and name: of a session the floating tensors that depend on
        inputs and that nothing takes."""
        if self._source is None:
            return Tensors(terminal_outputs(self.graph, self.inputs))
        return Tensors([with_operators(t) for t in self._source.outputs], self._source.output_names)

    def preprocess(self, raw: Any) -> list[np.ndarray]:
        """What the inputs of this context take, of what the model takes.

        Parameters
        ----------
        raw : array, or list or dict of arrays
            What the model is called with: by the order or the names of its inputs. Text is an array or list
            of strings.

        Returns
        -------
        list of arrays
            One for each of `inputs`, to be given as xs with `X=de.inputs`. String and lookup layers of a
            functional Keras model, which lie in front of the inputs of the context, are applied, as they are
            at the time of the call; everything else is as given, in the dtype of its input.

        Raises
        ------
        ShapeError
            Where an input is missing, or an array does not fit it.

        Examples
        --------
        >>> [array.shape for array in de.preprocess({'x': xs})]
        [(2, 3)]
        """
        source = self._source or Source(self.graph, [], [])
        if source.preprocess is not None:
            return source.preprocess(raw)
        return raw_arrays(raw, [RawInput([*(n for n, t in source.input_names if t is x), x.op.name, x.name],
                                         x.shape, x.dtype) for x in self.inputs])

    def tensor(self, name: Any) -> tf.Tensor:
        """The tensor of this context's graph that a name stands for.

        Parameters
        ----------
        name : str, tensor or Keras symbolic tensor
            'scope/op:0', which is always that tensor; an op ('scope/op'), an input, output or Keras layer by
            name; a Keras symbolic tensor; or a tensor of the graph itself. A layer in a model or layer is
            'backbone/conv', or 'conv' where no other layer has that name; the calls of a shared layer are
            'enc/0' and 'enc/1', the outputs of a layer with several 'lstm:0' and 'lstm:1'.

        Returns
        -------
        tf.Tensor

        Raises
        ------
        TensorError
            With the closest names where there is no such tensor, and with all that it could mean where there
            are several.
        """
        found = self._tensor(name)
        return found if self._source is None else with_operators(found)

    def _tensor(self, name: Any) -> tf.Tensor:
        if isinstance(name, tf.Tensor):
            return as_tensor(name, self.graph, 'the tensor')
        if isinstance(name, str):
            return self._names.tensor(name)
        if type(name).__name__ != 'KerasTensor':
            raise TensorError(f'{type(name).__name__} is not a tensor, a name or a Keras symbolic tensor')
        symbolic = self._source.symbolic if self._source else {}
        if id(name) not in symbolic:
            raise TensorError(f'the Keras symbolic tensor "{name.name}" is not part of the model of this '
                              f'context, as it is called for inference')
        return one_of(symbolic[id(name)][1], f'the Keras symbolic tensor "{name.name}"')

    @cached_property
    def _names(self) -> Names:
        source = self._source or Source(self.graph, [], [])
        return Names(self.graph, source.input_names, source.output_names, source.layers)

    def describe(self) -> Description:
        """Print a table of the tensors that can be explained or targeted: name, shape, op, layer, role;
        returns its rows."""
        names = self._names
        labels: dict[str, dict[str, None]] = {}
        for label, t in [*names.inputs, *names.outputs, *((layer.label, layer.tensor)
                                                          for layer in names.layers
                                                          if layer.tensor is not None)]:
            labels.setdefault(t.name, {})[label] = None
        roles = {t.name: 'input' for t in self.inputs} | {t.name: 'output' for t in self.outputs}
        rows = Description((t.name, shape_text(t.shape), t.op.type, ', '.join(labels.get(t.name, ())),
                            roles.get(t.name, ''))
                           for t in explainable(self.graph, self.inputs))
        print(rows)
        return rows

    @cached_property
    def _layers(self) -> dict[str, tf.Tensor]:
        return {layer.label: layer.tensor for layer in self._names.layers if layer.tensor is not None}

    def _layer_name(self, layer: Any) -> str:
        """The name of the tensor that a name, tensor or Keras symbolic tensor stands for."""
        return as_tensor(self._resolve(layer), self.graph, 'layer').name

    def _resolve(self, value: Any) -> Any:
        """Names and Keras symbolic tensors as tensors; anything else is checked later."""
        return (self._tensor(value) if isinstance(value, str) or type(value).__name__ == 'KerasTensor'
                else value)
