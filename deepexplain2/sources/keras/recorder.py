"""A record of the layer calls of a Keras model, while it is traced."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from ..names import LayerOutput
from ..source import SymbolicTensor
from .nested import leaves, symbolic_pairs
from .nodes import arguments_of, flatten_of, layer_of, layers_and_nodes, operation_of, outputs_of, position


@dataclass(eq=False)
class Call:
    """A call of a layer or op.

    outer: the call that makes this call. node: the node of a functional model that makes it, if one does.
    layer: the layer, until its own `call` starts. place: its number among the calls of this name; None for
    calls in a loop, a conditional or a function. is_repeated: whether there are other calls of this name.
    """
    name: str
    outer: Call | None = None
    node: Any = None
    layer: Any = None
    place: int | None = None
    is_repeated: bool = False
    outputs: Any = None

    @property
    def parts(self) -> list[tuple[str, int | None, bool]]:
        """The calls that this call stands in, outermost first, and the call itself."""
        return [*self.outer.parts, (self.name, self.place, self.is_repeated)] if self.outer else []


class Recorder:
    """Records the outputs of the layers of a model during a call.

    Until the call is over, `call` of the layers is shadowed, and in the nodes of functional models an object
    stands in place of the layer.

    Parameters
    ----------
    model : Keras model
        The model.
    graph : tf.Graph or None
        The graph whose tensors are recorded; None to record nothing.
    """

    def __init__(self, model: Any, graph: tf.Graph | None):
        self._graph, self._thread = graph, threading.get_ident()
        self._layers, self._nodes = layers_and_nodes(model)
        self._flatten = flatten_of(model)
        self._lookup_outputs: Mapping[int, list[tf.Tensor]] = {}
        self._root = Call('', layer=model)
        self._stack = [self._root]
        self._calls: list[tuple[Call, bool]] = []       # and whether it was made in the graph itself
        self._symbolic: list[tuple[Any, Any, Call]] = []

    @contextmanager
    def watching(self, lookup_outputs: Mapping[int, list[tf.Tensor]]) -> Iterator[None]:
        """Record until the context is left. lookup_outputs: by the id of a node, what it returns without a
        call."""
        self._lookup_outputs = lookup_outputs
        is_recording = self._graph is not None
        with ExitStack() as undo:
            for node in self._nodes:
                if is_recording or id(node) in lookup_outputs:
                    name, layer = 'operation' if hasattr(node, 'operation') else 'layer', layer_of(node)
                    undo.callback(setattr, node, name, layer)
                    setattr(node, name, _RecordedLayer(self, node, layer))
            for layer in self._layers if is_recording else []:
                self._shadow(layer, undo)
            yield

    def _shadow(self, layer: Any, undo: ExitStack) -> None:
        """Put a recording `call` in front of the layer's own."""
        # tf_keras makes `call` ready to be called in `_autographed_call`
        attributes, legacy = vars(layer), hasattr(layer, '_autographed_call')
        for name in ['_autographed_call'] if legacy else ['call', 'quantized_call']:
            original = getattr(layer, name)
            if name in attributes:
                undo.callback(attributes.__setitem__, name, attributes[name])
            else:
                undo.callback(attributes.pop, name, None)
            if legacy:
                attributes[name] = functools.partial(lambda make, layer: self._recorded(make(), layer),
                                                     original, layer)
            else:
                attributes[name] = self._recorded(original, layer)

    def _recorded(self, original: Callable, layer: Any) -> Callable:
        """`call` of a layer, recorded."""
        @functools.wraps(original)
        def call(*args, **kwargs):
            if self._is_elsewhere():
                return original(*args, **kwargs)
            if self._stack[-1].layer is layer:          # recorded by its node
                self._stack[-1].layer = None
                return original(*args, **kwargs)
            return self._record(Call(layer.name, self._stack[-1]), lambda: original(*args, **kwargs))
        return call

    def call_node(self, node: Any, layer: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """The call of a layer by a node, recorded."""
        if id(node) in self._lookup_outputs:
            outputs = self._lookup_outputs[id(node)]
            return outputs if len(outputs) > 1 else outputs[0]
        if self._is_elsewhere():
            return layer(*args, **kwargs)
        outer = self._stack[-1]
        self._symbolic += [(symbol, tensor, outer)
                           for symbol, tensor in symbolic_pairs(arguments_of(node), (args, kwargs))]
        outputs = self._record(Call(layer.name, outer, node, layer), lambda: layer(*args, **kwargs))
        self._symbolic += [(symbol, tensor, outer)
                           for symbol, tensor in zip(outputs_of(node), self._flatten(outputs))]
        return outputs

    def _record(self, call: Call, run: Callable[[], Any]) -> Any:
        in_graph = tf.compat.v1.get_default_graph() is self._graph
        self._stack.append(call)
        try:
            call.outputs = run()
        finally:
            self._stack.pop()
        self._calls.append((call, in_graph))
        return call.outputs

    def _number(self) -> None:
        """Number the calls of each name: in the order in which a functional model was built, otherwise in the
        order of the calls."""
        alike: dict[tuple[int, str], list[tuple[Call, bool]]] = {}
        for call, in_graph in self._calls:
            alike.setdefault((id(call.outer), call.name), []).append((call, in_graph))
        for group in alike.values():
            calls = [call for call, in_graph in group if in_graph]
            nodes = {id(call.node) for call in calls if call.node is not None}
            if len(nodes) == len(calls):
                calls.sort(key=lambda call: position(call.node))
            for place, call in enumerate(calls):
                call.place = place
            for call, _ in group:
                call.is_repeated = len(group) > 1

    def _is_elsewhere(self) -> bool:
        """Whether the present call is not part of the trace: another thread makes it, or Keras, to infer the
        shape of outputs."""
        if threading.get_ident() != self._thread:
            return True
        graph = tf.compat.v1.get_default_graph()
        while (graph is not None and graph is not self._graph
               and 'scratch_graph' not in getattr(graph, 'name', '')):
            graph = getattr(graph, 'outer_graph', None)
        return graph is not self._graph

    def found(self, symbols: Sequence[Any],
              given: Sequence[tf.Tensor]) -> tuple[list[LayerOutput], dict[int, SymbolicTensor]]:
        """The outputs of all calls, and what the Keras symbolic tensors stand for. symbols, given: the
        symbolic tensors and the tensors of the inputs."""
        self._number()
        makers = [id(operation_of(s)) for s in symbols]
        places = [str(s._keras_history.tensor_index) if makers.count(maker) > 1 else ''
                  for s, maker in zip(symbols, makers)]
        result = [LayerOutput([(operation_of(s).name, None, False)], place, t)
                  for s, place, t in zip(symbols, places, given)]
        for call, _ in self._calls:
            outputs = [(path, t) for path, t in leaves(call.outputs) if t is not None]
            result += [LayerOutput(call.parts, path if len(outputs) > 1 else '', self._numeric(t))
                       for path, t in outputs]
        labels = {id(output.tensor): output.label for output in reversed(result)}
        symbolic: dict[int, SymbolicTensor] = {}
        for symbol, tensor, outer in [*((s, t, self._root) for s, t in zip(symbols, given)), *self._symbolic]:
            where = LayerOutput(outer.parts, '', None).label if outer.parts else ''
            known = labels.get(id(tensor))
            label = f'the layer {known!r}' if known is not None else f'what the layer {where!r} takes'
            symbolic.setdefault(id(symbol), (symbol, []))[1].append((label, self._numeric(tensor)))
        return result, symbolic

    def _numeric(self, tensor: Any) -> tf.Tensor | None:
        """The tensor, if it belongs to the traced graph and holds numbers."""
        in_graph = isinstance(tensor, tf.Tensor) and getattr(tensor, 'graph', None) is self._graph
        return tensor if in_graph and tensor.dtype not in (tf.string, tf.resource, tf.variant) else None


class _RecordedLayer:
    """Stands in a node of a functional model in place of its layer, and has its calls recorded."""

    def __init__(self, recorder: Recorder, node: Any, layer: Any):
        self._recorder, self._node, self._layer = recorder, node, layer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._layer, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._recorder.call_node(self._node, self._layer, args, kwargs)
