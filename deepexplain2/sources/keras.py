"""Keras models as they are called for inference: what goes in, what comes out, and the output of every layer
on the way."""

from __future__ import annotations

import functools
import random
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.autograph.core import ag_ctx

from ..errors import SourceError, said, shown
from .names import LayerOutput

# layers with a table or a hash inside
TABLES = ('StringLookup', 'IntegerLookup', 'TextVectorization', 'Hashing', 'HashedCrossing')
# how the placeholders begin that stand for the strings a model takes, before its lookup layers
STRINGS = 'deepexplain2_strings'
_alone = threading.RLock()              # models are changed while they are traced, and left as they were


@dataclass(eq=False)
class Call:
    """A call of a layer or op within the call of another. node: of a functional model, if one has it called.
    place: which one of the calls of this name; None: in a loop, a conditional or a function. more: whether
        there are others. layer: what is about to be called."""
    name: str
    outer: Call | None = None
    node: Any = None
    layer: Any = None
    place: int | None = None
    more: bool = False
    outputs: Any = None

    @property
    def parts(self) -> list[tuple[str, int | None, bool]]:
        return [*self.outer.parts, (self.name, self.place, self.more)] if self.outer else []


# a Keras symbolic tensor, and what it stands for: (what it is, tensor)
Symbol = tuple[Any, list[tuple[str, 'tf.Tensor | None']]]


@dataclass
class Traced:
    """A model as a function of TensorFlow, from one tensor per input to its outputs and then what else has a
    name, `named`.

    original: the model itself, eager, from one tensor per input to a list of its outputs; leaves it as it
    was. input_names, output_names: pairs of a name and a position.
    """
    concrete: Any
    named: list[tf.Tensor]
    original: Callable[..., list[tf.Tensor]]
    specs: list[tf.TensorSpec]
    input_names: list[tuple[str, int]]
    output_names: list[tuple[str, int]]
    layers: list[LayerOutput]
    symbolic: dict[int, Symbol]


def traced(model: Any, signature: Any) -> Traced:
    """The model as `model(x, training=False)` computes it. signature: what it takes, where it does not say,
    or leaves sizes open."""
    graph = functional(model)
    inputs = _inputs_of_functional(model, graph,
                                   signature) if graph is not None else _inputs_of_subclassed(model, signature)
    seen: dict[str, Any] = {}

    def outputs_for(given: Sequence[tf.Tensor], recorder: Recorder) -> Any:
        with _alone, recorder.watching(inputs.tables(given)), left_as_it_was(model):
            return model(inputs.packed(given), training=False)

    @tf.autograph.experimental.do_not_convert
    def record(*given: tf.Tensor) -> list[tf.Tensor]:
        recorder = Recorder(model, tf.compat.v1.get_default_graph())
        # tf_keras converts `call` of the user's layers, as in predict
        with ag_ctx.ControlStatusCtx(ag_ctx.Status.ENABLED):
            structure = outputs_for(given, recorder)
        seen['layers'], seen['symbolic'] = recorder.found(inputs.symbols, given)
        outputs = _tensors(structure, model)
        seen['output_names'] = _output_names(graph, structure, outputs, seen['symbolic'])
        tensors = [o.tensor for o in seen['layers']] + [t for _, known in seen['symbolic'].values() for _,
                                                        t in known]
        seen['named'] = list({id(t): t for t in tensors if t is not None}.values())
        return [*(t for _, t in outputs), *seen['named']]

    def original(*given: tf.Tensor) -> list[tf.Tensor]:
        # states, counters and seeds
        variables = [v for v in concrete.graph.variables if not v.trainable]
        values = [v.numpy() for v in variables]
        try:
            return [t for _, t in _tensors(outputs_for(given, Recorder(model, None)), model)]
        finally:
            for variable, value in zip(variables, values):
                if not np.array_equal(variable.numpy(), value):
                    variable.assign(value)
    try:
        concrete = tf.function(record).get_concrete_function(*inputs.specs)
    except SourceError:
        raise
    except Exception as e:
        shapes = ', '.join(f'"{name}" {inputs.specs[k].shape}' for k,
                           name in sorted({k: name for name, k in reversed(inputs.names)}.items()))
        is_open = any(spec.shape.rank and None in spec.shape.as_list()[1:] for spec in inputs.specs)
        hint = (' Some layers of Keras cannot be traced on open axes: try '
                'input_signature=[tf.TensorSpec(shape, dtype)] with fixed sizes.'
                if is_open else '')
        raise SourceError(f'from_keras could not trace "{model.name}" with training=False for {shapes}. It '
                          f'must be callable with one tensor per '
                          f'input, and take no decision in Python on their values.{hint} Keras says: '
                          f'{said(e)}') from e
    return Traced(concrete, seen['named'], original, inputs.specs, inputs.names, seen['output_names'],
                  seen['layers'], seen['symbolic'])


def _tensors(structure: Any, model: Any) -> list[tuple[str, tf.Tensor]]:
    """(path, tensor) of what a model returns."""
    result = [(path, t) for path, t in leaves(structure, sort_all=is_legacy(model)) if t is not None]
    for path, t in result:
        if isinstance(t, tf.__internal__.CompositeTensor):
            raise SourceError(f'output {path!r} of "{model.name}" is a {type(t).__name__}. Give from_keras '
                              f'the part of the model that returns '
                              'dense tensors')
    result = [(path, tf.convert_to_tensor(t)) for path, t in result]            # a number, say
    if not result:
        raise SourceError(f'from_keras: "{model.name}" returns {shown(structure)}: it must return tensors')
    return result


def _output_names(graph: Any, structure: Any, outputs: Sequence[tuple[str, tf.Tensor]],
                  symbolic: Mapping[int, Symbol]) -> list[tuple[str, int]]:
    """Pairs of a name and a position: keys, where the outputs have keys; else the names that a functional
    model gives to its outputs."""
    if graph is None or _has_keys(structure):
        return [(path, k) for k, (path, _) in enumerate(outputs) if path]
    return [(name, k) for name, symbol in zip(graph.output_names, graph.outputs) for k,
            (_, t) in enumerate(outputs)
            if any(t is known for _, known in symbolic.get(id(symbol), (None, []))[1])]


def _has_keys(structure: Any) -> bool:
    return isinstance(structure, Mapping) or (isinstance(structure, (list, tuple))
                                              and any(map(_has_keys, structure)))


def functional(model: Any) -> Any:
    """The graph of nodes of a Functional model or of a Sequential one that is built; None for any other."""
    graph = getattr(model, '_functional', None) or model
    return graph if hasattr(graph, '_nodes_by_depth') and getattr(graph, 'inputs',
                                                                  None) and getattr(graph, 'outputs',
                                                                                    None) else None


@dataclass
class Inputs:
    """What a model is called with. packed: from the flat tensors to the argument of the model. names: pairs
    of a name and a position.
    tables: from the flat tensors to what stands in place of lookup layers, by the id of their node. symbols:
        Keras symbolic tensors."""
    specs: list[tf.TensorSpec]
    names: list[tuple[str, int]]
    packed: Callable[[Sequence[tf.Tensor]], Any]
    tables: Callable[[Sequence[tf.Tensor]], dict[int, list[tf.Tensor]]] = field(default=lambda given: {})
    symbols: list[Any] = field(default_factory=list)


def _inputs_of_functional(model: Any, graph: Any, signature: Any) -> Inputs:
    structure = next(s for s in (getattr(graph, k, None) for k in ('_inputs_struct', '_nested_inputs',
                                                                   'inputs')) if s is not None)
    symbols, tables = _behind_lookups(graph)
    place = {id(t): k for k, t in enumerate(symbols)}
    if _has_keys(structure):
        names = [(path, place[id(t)]) for path, t in leaves(structure) if id(t) in place]
    else:
        known = getattr(graph, 'input_names', None) if not tables else None          # of tf_keras
        names = list(zip(known or [t.name for t in symbols], range(len(symbols))))
    taken = {name for name, _ in names}
    names += [(name, k) for k, t in enumerate(symbols)
              for name in dict.fromkeys([t.name, operation_of(t).name]) if name not in taken]
    labels = {k: name for name, k in reversed(names)}
    specs = []
    for k, (symbol, spec) in enumerate(zip(symbols, _matched(model, structure, symbols, names, signature))):
        if type(symbol).__name__ != 'KerasTensor' or getattr(symbol, 'sparse', False):
            raise SourceError(f'input "{labels[k]}" of "{model.name}" is sparse or ragged. Give from_keras '
                              f'the part of the model that takes '
                              'dense tensors')
        shape = tf.TensorShape(symbol.shape)
        if spec is not None and not shape.is_compatible_with(spec.shape):
            raise SourceError(f'input_signature gives input "{labels[k]}" the shape {spec.shape}, but '
                              f'"{model.name}" takes {shape}')
        shape, dtype = (shape, tf.as_dtype(symbol.dtype)) if spec is None else (shape.merge_with(spec.shape),
                                                                                spec.dtype)
        specs.append(tf.TensorSpec(shape, dtype, _op_name(labels[k])))

    def values(given):
        return {id(symbol): t for symbol, t in zip(symbols, given)}

    def packed(given):
        known = values(given)
        return _rebuilt(structure, lambda path, symbol: known[id(symbol)] if id(symbol) in known
                        else _unused(symbol, given[0]))
    return Inputs(specs, names, packed, lambda given: {id(node): [values(given).get(id(t))
                                                                  for t in outputs_of(node)]
                                                       for node in tables}, symbols)


def _unused(symbol: Any, like: tf.Tensor) -> tf.Tensor:
    """In place of an input that only lookup layers take, which are left out: as many rows as there are."""
    dtype = tf.as_dtype(symbol.dtype)
    if not tf.executing_eagerly():
        return tf.compat.v1.placeholder(dtype, symbol.shape, STRINGS)
    return tf.fill([tf.shape(like)[0], *(1 if d is None else d for d in symbol.shape[1:])],
                   tf.constant('' if dtype == tf.string else 0, dtype))


def _matched(model: Any, structure: Any, symbols: list[Any], names: list[tuple[str, int]],
             signature: Any) -> list[tf.TensorSpec | None]:
    """The signature in the order of the inputs: nested as these are, or with their names as keys, or in their
    order."""
    if signature is None:
        return [None] * len(symbols)
    given, known, place = leaves(signature), {path: id(t) for path, t in leaves(structure)}, {id(t): k for k,
                                                                                              t in enumerate(symbols)}
    _check_specs(given, model)
    if {path for path, _ in given} == set(known) and set(known.values()) == set(place):
        found = {place[known[path]]: s for path, s in given}
    elif isinstance(signature, Mapping):
        found = {dict(names)[path]: s for path, s in given if path in dict(names)}
    else:
        found = dict(enumerate(s for _, s in given))
    if not len(given) == len(found) == len(symbols):
        raise SourceError(f'input_signature has {len(given)} entries{_listed(path for path, _ in given)}, '
                          f'but "{model.name}" takes '
                          f'{len(symbols)} inputs{_listed(name for name, _ in names)}')
    return [found[k] for k in range(len(symbols))]


def _listed(names: Iterable[str]) -> str:
    known = [name for name in names if name]
    return f' ({", ".join(known)})' if known else ''


def _check_specs(given: Sequence[tuple[str, Any]], model: Any) -> None:
    wrong = sorted({type(s).__name__ for _, s in given if not isinstance(s, tf.TensorSpec)})
    if wrong or not given:
        raise SourceError(f'input_signature takes one tf.TensorSpec(shape, dtype) for each input of '
                          f'"{model.name}", in a list or a dict, not '
                          + (', '.join(wrong) or 'nothing'))


def _inputs_of_subclassed(model: Any, signature: Any) -> Inputs:
    if signature is None:
        config = model.get_build_config() if getattr(model, 'built',
                                                     False) and hasattr(model, 'get_build_config') else None
        shape = (config or {}).get('input_shape')
        if not shape or isinstance(shape, Mapping) or not all(d is None or isinstance(d, int) for d in shape):
            raise SourceError(f'"{model.name}" is a subclassed model that does not tell its input. Give '
                              f'from_keras(model, '
                              'input_signature=[tf.TensorSpec((None, ...), tf.float32)]), one entry per input')
        signature = [tf.TensorSpec((None, *shape[1:]), tf.float32)]
    given = leaves(signature)
    _check_specs(given, model)
    names = [path if isinstance(signature, Mapping) else s.name or f'input_{k}' for k,
             (path, s) in enumerate(given)]
    specs = [tf.TensorSpec(s.shape, s.dtype, _op_name(name)) for name, (_, s) in zip(names, given)]

    def packed(tensors):
        if len(tensors) == 1 and len(leaves(signature)) == 1 and not isinstance(signature, Mapping):
            return tensors[0]
        known = {path: t for (path, _), t in zip(given, tensors)}
        return _rebuilt(list(signature) if isinstance(signature, tuple) else signature,
                        lambda path, _: known[path])
    return Inputs(specs, [(name, k) for k, name in enumerate(names)], packed)


class Recorder:
    """Notes what the layers of a model give while it is called: their `call` is shadowed, and in the nodes of
    functional models their place taken, until the call is over. graph: whose tensors count; None to note
    nothing."""

    def __init__(self, model: Any, graph: tf.Graph | None):
        self._graph, self._thread = graph, threading.get_ident()
        self._layers, self._nodes = parts_of(model)
        self._flatten = flatten_of(model)
        self._tables: Mapping[int, list[tf.Tensor]] = {}
        self._root = Call('', layer=model)
        self._stack = [self._root]
        self._calls: list[tuple[Call, bool]] = []       # and whether it was made in the graph itself
        self._notes: list[tuple[Any, Any, Call]] = []

    @contextmanager
    def watching(self, tables: Mapping[int, list[tf.Tensor]]) -> Iterator[None]:
        """tables: what the nodes with these ids give, without being called."""
        self._tables = tables
        with ExitStack() as undo:
            for node in self._nodes if self._graph is not None else [n for n in self._nodes
                                                                     if id(n) in tables]:
                name, layer = 'operation' if hasattr(node, 'operation') else 'layer', layer_of(node)
                undo.callback(setattr, node, name, layer)
                setattr(node, name, InNode(self, node, layer))
            for layer in self._layers if self._graph is not None else []:
                self._shadow(layer, undo)
            yield

    def _shadow(self, layer: Any, undo: ExitStack) -> None:
        # tf_keras: what makes `call` ready to be called
        own, legacy = vars(layer), hasattr(layer, '_autographed_call')
        for name in ['_autographed_call'] if legacy else ['call', 'quantized_call']:
            original = getattr(layer, name)
            if name in own:
                undo.callback(own.__setitem__, name, own[name])
            else:
                undo.callback(own.pop, name, None)
            own[name] = functools.partial(lambda make, layer: self._noted(make(), layer), original,
                                          layer) if legacy else self._noted(original, layer)

    def _noted(self, original: Callable, layer: Any) -> Callable:
        @functools.wraps(original)
        def call(*args, **kwargs):
            if self._is_elsewhere():
                return original(*args, **kwargs)
            if self._stack[-1].layer is layer:          # its node has noted the call
                self._stack[-1].layer = None
                return original(*args, **kwargs)
            return self._call(Call(layer.name, self._stack[-1]), lambda: original(*args, **kwargs))
        return call

    def called(self, node: Any, layer: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """A node has its layer called."""
        if id(node) in self._tables:
            outputs = self._tables[id(node)]
            return outputs if len(outputs) > 1 else outputs[0]
        if self._is_elsewhere():
            return layer(*args, **kwargs)
        outer = self._stack[-1]
        pattern = (node.arguments.args,
                   node.arguments.kwargs) if hasattr(node, 'arguments') else (node.call_args,
                                                                              node.call_kwargs)
        self._notes += [(symbol, tensor, outer) for symbol, tensor in _pairs(pattern, (args, kwargs))]
        outputs = self._call(Call(layer.name, outer, node, layer), lambda: layer(*args, **kwargs))
        self._notes += [(symbol, tensor, outer) for symbol, tensor in zip(outputs_of(node),
                                                                          self._flatten(outputs))]
        return outputs

    def _call(self, call: Call, run: Callable[[], Any]) -> Any:
        in_graph = tf.compat.v1.get_default_graph() is self._graph
        self._stack.append(call)
        try:
            call.outputs = run()
        finally:
            self._stack.pop()
        self._calls.append((call, in_graph))
        return call.outputs

    def _number(self) -> None:
        """Say of each call which one of its name it is: in the order in which a functional model was built,
        else as they are called."""
        alike: dict[tuple[int, str], list[tuple[Call, bool]]] = {}
        for call, in_graph in self._calls:
            alike.setdefault((id(call.outer), call.name), []).append((call, in_graph))
        for group in alike.values():
            calls = [call for call, in_graph in group if in_graph]
            if all(call.node is not None for call in calls) and len({id(call.node)
                                                                     for call in calls}) == len(calls):
                calls.sort(key=lambda call: position(call.node))
            for place, call in enumerate(calls):
                call.place = place
            for call, _ in group:
                call.more = len(group) > 1

    def _is_elsewhere(self) -> bool:
        """Whether a call is not part of the trace: made in another thread, or by Keras to learn the shape of
        its outputs."""
        if threading.get_ident() != self._thread:
            return True
        graph = tf.compat.v1.get_default_graph()
        while graph is not None and graph is not self._graph and 'scratch_graph' not in getattr(graph, 'name',
                                                                                                ''):
            graph = getattr(graph, 'outer_graph', None)
        return graph is not self._graph

    def found(self, symbols: Sequence[Any], given: Sequence[tf.Tensor]) -> tuple[list[LayerOutput],
                                                                                 dict[int, Symbol]]:
        """The outputs of all calls, and what the Keras symbolic tensors stand for. symbols, given: the inputs
        of the model."""
        self._number()
        result = [LayerOutput([(operation_of(s).name, None, False)], '', t) for s, t in zip(symbols, given)]
        for call, _ in self._calls:
            outputs = [(path, t) for path, t in leaves(call.outputs) if t is not None]
            result += [LayerOutput(call.parts, path if len(outputs) > 1 else '', self._own(t)) for path,
                       t in outputs]
        labels = {id(output.tensor): output.label for output in reversed(result)}
        symbolic: dict[int, Symbol] = {}
        for symbol, tensor, outer in [*((s, t, self._root) for s, t in zip(symbols, given)), *self._notes]:
            where = LayerOutput(outer.parts, '', None).label if outer.parts else ''
            label = f'the layer {labels[id(tensor)]!r}' if id(tensor) in labels else f'what the layer {where!r} takes'
            symbolic.setdefault(id(symbol), (symbol, []))[1].append((label, self._own(tensor)))
        return result, symbolic

    def _own(self, tensor: Any) -> tf.Tensor | None:
        """The tensor, if it is one of the traced graph, of numbers."""
        fits = isinstance(tensor, tf.Tensor) and getattr(tensor, 'graph', None) is self._graph
        return tensor if fits and tensor.dtype not in (tf.string, tf.resource, tf.variant) else None


class InNode:
    """Stands in a node of a functional model in place of its layer, and has its calls noted."""

    def __init__(self, recorder: Recorder, node: Any, layer: Any):
        self._recorder, self._node, self._layer = recorder, node, layer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._layer, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._recorder.called(self._node, self._layer, args, kwargs)


@contextmanager
def left_as_it_was(model: Any) -> Iterator[None]:
    """Whatever a call of the model changes in Python is put back: losses that its layers note, and attributes
    they set; random states of Python and NumPy. A layer without weights yet keeps those that the call
    makes."""
    before = [(part, dict(vars(part)), [(v, copied(v)) for v in vars(part).values() if is_container(v)])
              for part in parts_of(model)[0] if getattr(part, 'built', True)]
    threads = [(part._thread_local, dict(vars(part._thread_local))) for part, _, _ in before
               if hasattr(part, '_thread_local')]
    drawn = random.getstate(), np.random.get_state()      # noqa: NPY002
    try:
        yield
    finally:
        for owner, attributes in [*((part, attributes) for part, attributes, _ in before), *threads]:
            for name in vars(owner).keys() - attributes.keys():
                del vars(owner)[name]
            vars(owner).update(attributes)
        for container, content in (pair for _, _, pairs in before for pair in pairs):
            restore(container, content)
        random.setstate(drawn[0])
        np.random.set_state(drawn[1])       # noqa: NPY002


def is_container(value: Any) -> bool:
    """A list, dict or set of Python or Keras; those of TensorFlow, which hold their content elsewhere, note
    every change."""
    return isinstance(value, (list, dict, set)) and not type(value).__module__.startswith('tensorflow')


def copied(container: Any) -> Any:
    return next(kind(container) for kind in (list, dict, set) if isinstance(container, kind))


def restore(container: Any, content: Any) -> None:
    # past what Keras does when its own kinds of list, dict and set change
    kind = type(content)
    kind.clear(container)
    (list.extend if kind is list else kind.update)(container, content)


def parts_of(model: Any) -> tuple[list[Any], list[Any]]:
    """(layers, nodes) of a model and of the models in it: its layers, and the nodes of what is functional."""
    layers: dict[int, Any] = {}
    nodes: dict[int, Any] = {}
    seen, stack = set(), [model]
    while stack:
        part = stack.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        graph = getattr(part, '_functional', None)
        if hasattr(part, '_flatten_layers'):
            layers[id(part)] = part
            stack += part._flatten_layers(include_self=False)
        if graph is not None:               # the graph of a Sequential: called by it, not as a layer
            seen.add(id(graph))
            layers.pop(id(graph), None)
        for level in getattr(part if graph is None else graph, '_nodes_by_depth', {}).values():
            for node in level:
                nodes[id(node)] = node
                stack.append(layer_of(node))
    return list(layers.values()), list(nodes.values())


def position(node: Any) -> int:
    """Which call of its layer a node is, as Keras counts them."""
    return next(k for k, other in enumerate(layer_of(node)._inbound_nodes) if other is node)


def layer_of(node: Any) -> Any:
    return node.operation if hasattr(node, 'operation') else node.layer


def operation_of(symbol: Any) -> Any:
    """The layer or op that a Keras symbolic tensor comes from."""
    history = symbol._keras_history
    return history.operation if hasattr(history, 'operation') else history.layer


def outputs_of(node: Any) -> list[Any]:
    return list(node.outputs) if hasattr(node, 'operation') else tf.nest.flatten(node.outputs)


def inputs_of(node: Any) -> list[Any]:
    return (list(node.input_tensors) if hasattr(node, 'operation') else [] if node.is_input
            else list(node.keras_inputs))


def is_legacy(model: Any) -> bool:
    """Whether this is a model of tf_keras, not of Keras 3."""
    return any(c.__module__.startswith('tf_keras') for c in type(model).__mro__)


def flatten_of(model: Any) -> Callable[[Any], list[Any]]:
    if is_legacy(model):
        return tf.nest.flatten
    import keras
    return keras.tree.flatten


def leaves(structure: Any, path: str = '', sort_all: bool = False) -> list[tuple[str, Any]]:
    """(path, leaf) of nested dicts, lists and tuples, in the order in which TensorFlow and Keras have them:
    'a/0', 'a/1', 'b'.

    sort_all: the keys of an OrderedDict too, as TensorFlow does and Keras 3 does not.
    """
    if isinstance(structure, Mapping):
        keys = list(structure) if isinstance(structure, OrderedDict) and not sort_all else sorted(structure,
                                                                                                  key=str)
        items = [(str(k), structure[k]) for k in keys]
    elif isinstance(structure, tuple) and hasattr(structure, '_fields'):
        items = list(zip(structure._fields, structure))
    elif isinstance(structure, (list, tuple)):
        items = [(str(k), v) for k, v in enumerate(structure)]
    else:
        return [(path, structure)]
    return [leaf for key, value in items for leaf in leaves(value, f'{path}/{key}' if path else key,
                                                            sort_all)]


def _rebuilt(structure: Any, value: Callable[[str, Any], Any], path: str = '') -> Any:
    """The same structure with other leaves."""
    def inner(key, part):
        return _rebuilt(part, value, f'{path}/{key}' if path else str(key))
    if isinstance(structure, Mapping):
        return (OrderedDict if isinstance(structure, OrderedDict) else dict)((k, inner(k, v)) for k,
                                                                             v in structure.items())
    if isinstance(structure, tuple) and hasattr(structure, '_fields'):
        return type(structure)(*(inner(k, v) for k, v in zip(structure._fields, structure)))
    if isinstance(structure, (list, tuple)):
        parts = [inner(k, v) for k, v in enumerate(structure)]
        return tuple(parts) if isinstance(structure, tuple) else parts
    return value(path, structure)


def _pairs(pattern: Any, given: Any) -> Iterator[tuple[Any, Any]]:
    """(symbolic tensor, tensor) of the arguments of a call."""
    if type(pattern).__name__ == 'KerasTensor':
        yield pattern, given
    elif isinstance(pattern, Mapping):
        for key in pattern:
            yield from _pairs(pattern[key], given[key])
    elif isinstance(pattern, (list, tuple)):
        for a, b in zip(pattern, given):
            yield from _pairs(a, b)


def _behind_lookups(model: Any) -> tuple[list[Any], list[Any]]:
    """(inputs, lookup nodes) of a functional model: where it has string or lookup layers, whose tables cannot
    be frozen, what these give is an input, in place of what they take."""
    nodes = [node for depth in sorted(model._nodes_by_depth, reverse=True)
             for node in model._nodes_by_depth[depth]]
    tables = [node for node in nodes if type(layer_of(node)).__name__ in TABLES]
    if not tables and not any(tf.as_dtype(t.dtype) == tf.string for t in model.inputs):
        return list(model.inputs), []
    used = {id(t) for node in nodes if node not in tables
            for t in inputs_of(node)} | {id(t) for t in model.outputs}
    given = [*model.inputs, *(t for node in tables for t in outputs_of(node))]
    return [t for t in given if id(t) in used and tf.as_dtype(t.dtype) != tf.string], tables


def _op_name(name: str) -> str:
    """A name as TensorFlow takes it for an op."""
    return re.sub('[^A-Za-z0-9_.-]', '_', name if name[:1].isalnum() else f'input_{name}')
