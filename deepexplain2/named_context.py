"""What X and T are, however they are given, as tensors of the graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from .compiled import compiled_for
from .engine.locks import graph_lock
from .engine.model import Model
from .errors import TensorError, shown
from .graph.constants import split_weights
from .model_context import ModelContext
from .request.form import Form
from .request.target_data import with_spec
from .session import check_open
from .sources.tensors_by_name import Tensors
from .targets.base import Target, map_entries
from .targets.built import BuiltTarget
from .targets.function import FunctionTarget, is_function
from .targets.units import Units
from .tensors import as_inputs, as_target, as_tensor


class NamedContext(ModelContext):
    """X and T of a request: tensors, names, symbolic tensors, dicts, functions and targets."""

    # the last X that was one tensor, which many calls in a row are about, and how it was given
    _last_input: tuple[tf.Tensor, Form] | None = None

    def _scored(self, T: Any, X: Any, ys: Any) -> tuple[Model, Units | BuiltTarget, Form]:
        """The model of T and X, what ys are, and how X was given."""
        check_open(self.session)
        inputs, form = self._inputs(X)
        T = self._resolve_target(T, ys)
        with graph_lock(self.graph):
            target, constant_weights = split_weights(as_target(T, self.graph), inputs)
            compiled = compiled_for(self.session)
            model = compiled.model(self.session, target, inputs, self._layers)
            units = compiled.target_of(target)
        return model, units if constant_weights is None else Units(target, constant_weights), form

    def _inputs(self, X: Any) -> tuple[list[tf.Tensor], Form]:
        """X as a list of tensors, and how it was given."""
        if isinstance(X, tf.Tensor) and self._last_input is not None and self._last_input[0] is X:
            return [X], self._last_input[1]
        keys = None
        if isinstance(X, Mapping):
            keys, X = tuple(X), list(X.values())
            if not all(isinstance(key, str) for key in keys):
                raise TensorError(f'X is a dict with keys that are no strings: {shown(list(keys))}')
        is_list = isinstance(X, (list, tuple, Tensors))
        given = list(X) if is_list else [X]
        tensors, _ = as_inputs([self._resolve(x) for x in given], self.graph)
        labels = self._names.inputs
        names = [[key, *(n for n, t in labels if t is tensor), tensor.name, tensor.op.name] for key, tensor in
                 zip(keys or [x if isinstance(x, str) else '' for x in given], tensors)]
        form = Form(is_list, keys, tuple(tuple(dict.fromkeys(filter(None, some))) for some in names),
                    self._names.tensor)
        if tensors[0] is X:
            self._last_input = X, form
        return tensors, form

    def _resolve_target(self, T: Any, ys: Any = None) -> Any:
        """As `_resolve`; of a Target or function its score, which is built the first time. ys: what they are,
        for a function that takes them."""
        if isinstance(T, (list, tuple, Tensors)) and len(T) == 1:
            return self._resolve_target(T[0], ys)
        if isinstance(T, type) and issubclass(T, Target):
            raise TensorError(f'T is the class {T.__name__}. Give a target: {T.__name__}(...)')
        target = FunctionTarget(T) if is_function(T) else T
        if not isinstance(target, Target):
            return self._resolve(T)
        if isinstance(target, FunctionTarget):
            target = with_spec(target, ys)
        found = self._outputs_of(target)
        what = f'each of the outputs of {target.label.removeprefix("target ")}'
        outputs = map_entries(lambda t: as_tensor(self._resolve(t), self.graph, what), found)
        with graph_lock(self.graph):
            return compiled_for(self.session).built(target, outputs, self.graph).score

    def _outputs_of(self, target: Target) -> Any:
        """The outputs that a target is about: those of the model, unless it says."""
        if target.outputs is not None:
            return target.outputs
        found = list(self.outputs)
        keys = self._source.output_keys if self._source is not None else ()
        if keys and isinstance(target, FunctionTarget):
            return dict(zip(keys, found))
        if not found:
            raise TensorError(f'{target.said} is about the outputs of the model, and the graph has none: no '
                              f'floating tensor that depends on a placeholder. Say which: outputs=...')
        return found[0] if len(found) == 1 else found
