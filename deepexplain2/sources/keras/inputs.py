"""What a Keras model is called with."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from ...errors import SourceError
from ..raw import RawInput, raw_arrays
from ..strings import STRING_INPUT
from .front import front_of, is_in_front, seen
from .nested import has_keys, leaves, rebuilt
from .nodes import inputs_of, is_legacy, layer_of, operation_of, outputs_of


@dataclass
class Inputs:
    """The inputs of a Keras model as a flat list.

    names: pairs of a name and a position. packed: from the flat tensors to the argument of the model.
    lookup_outputs: from the flat tensors to the outputs that replace lookup layers, by the id of their node.
    symbols: the Keras symbolic tensors of the inputs. preprocess: from what the model takes to the inputs.
    """
    specs: list[tf.TensorSpec]
    names: list[tuple[str, int]]
    packed: Callable[[Sequence[tf.Tensor]], Any]
    lookup_outputs: Callable[[Sequence[tf.Tensor]], dict[int, list[tf.Tensor]]] = lambda given: {}
    symbols: list[Any] = field(default_factory=list)
    preprocess: Callable[[Any], list[np.ndarray]] | None = None


def inputs_of_model(model: Any, graph: Any, signature: Any) -> Inputs:
    """The inputs of a model. graph: its graph of nodes, None for a subclassed model. signature: what the user
    says that it takes."""
    if graph is None:
        return _inputs_of_subclassed(model, signature)
    return _inputs_of_functional(model, graph, signature)


def _inputs_of_functional(model: Any, graph: Any, signature: Any) -> Inputs:
    """The inputs of a Functional or Sequential model, with the outputs of lookup layers among them."""
    structures = (getattr(graph, k, None) for k in ('_inputs_struct', '_nested_inputs', 'inputs'))
    structure = next(s for s in structures if s is not None)
    nodes = [node for depth in sorted(graph._nodes_by_depth, reverse=True)
             for node in graph._nodes_by_depth[depth]]
    symbols, lookup_nodes = _numeric_inputs(graph, nodes)
    if not symbols:
        raise SourceError(f'"{model.name}" takes strings, and a model or layer in it that has weights looks '
                          'them up. Give from_keras that model, or the part that takes numbers')
    names = _names_of_functional(graph, structure, symbols, nodes if lookup_nodes else [])
    labels = {k: name for name, k in reversed(names)}
    front = front_of(model, nodes, structure, symbols)
    found = seen(front, model, symbols) if lookup_nodes else [(tf.TensorShape(s.shape), tf.as_dtype(s.dtype))
                                                              for s in symbols]
    specs = []
    for k, (symbol, spec) in enumerate(zip(symbols, _matched(model, structure, symbols, names, signature))):
        if type(symbol).__name__ != 'KerasTensor' or getattr(symbol, 'sparse', False):
            raise SourceError(f'input "{labels[k]}" of "{model.name}" is sparse or ragged. Give from_keras '
                              'the part of the model that takes dense tensors')
        shape, dtype = found[k]
        if spec is not None:
            if not shape.is_compatible_with(spec.shape):
                raise SourceError(f'input_signature gives input "{labels[k]}" the shape {spec.shape}, but '
                                  f'"{model.name}" takes {shape}')
            shape, dtype = shape.merge_with(spec.shape), spec.dtype
        specs.append(tf.TensorSpec(shape, dtype, _op_name(labels[k])))

    def tensors_by_symbol(given):
        return {id(symbol): t for symbol, t in zip(symbols, given)}

    def packed(given):
        known = tensors_by_symbol(given)
        return rebuilt(structure, lambda path, symbol: known[id(symbol)] if id(symbol) in known
                       else _unused(symbol, given[0]))

    def lookup_outputs(given):
        known = tensors_by_symbol(given)
        return {id(node): [known.get(id(t)) for t in outputs_of(node)] for node in lookup_nodes}
    return Inputs(specs, names, packed, lookup_outputs, symbols, front.preprocess)


def _names_of_functional(graph: Any, structure: Any, symbols: list[Any],
                         nodes: Sequence[Any]) -> list[tuple[str, int]]:
    """Pairs of a name and a position: keys of a dict, names of the model, of symbolic tensors and layers;
    what alone stands for an input that is looked up has the names of that. nodes: those of a model with
    layers that look up, else none."""
    place = {id(t): k for k, t in enumerate(symbols)}
    if nodes:
        origins = list(map(_origins(graph, nodes), symbols))
        used = [k for found in origins for k in found]
        for k, found in enumerate(origins):
            if len(found) == 1 and used.count(found[0]) == 1:
                place.setdefault(id(graph.inputs[found[0]]), k)
    if has_keys(structure):
        names = [(path, place[id(t)]) for path, t in leaves(structure) if id(t) in place]
    else:
        given = getattr(graph, 'input_names', None) or [t.name for t in graph.inputs]     # of tf_keras
        names = [(name, place[id(t)]) for name, t in zip(given, graph.inputs) if id(t) in place]
    known = {name for name, _ in names}
    return names + [(name, k) for k, t in enumerate(symbols)
                    for name in dict.fromkeys([t.name, operation_of(t).name]) if name not in known]


def _numeric_inputs(graph: Any, nodes: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """(symbolic inputs, lookup nodes) of a functional model. The tables of string and lookup layers cannot be
    frozen: their outputs are inputs, in place of what they take."""
    lookup_nodes = [node for node in nodes if is_in_front(layer_of(node))]
    if not lookup_nodes and not any(tf.as_dtype(t.dtype) == tf.string for t in graph.inputs):
        return list(graph.inputs), []
    used = {id(t) for node in nodes if node not in lookup_nodes for t in inputs_of(node)}
    used |= {id(t) for t in graph.outputs}
    given = [*graph.inputs, *(t for node in lookup_nodes for t in outputs_of(node))]
    found = [t for t in given if id(t) in used and tf.as_dtype(t.dtype) != tf.string]
    return sorted(found, key=_origins(graph, nodes)), lookup_nodes


def _origins(graph: Any, nodes: Sequence[Any]) -> Callable[[Any], list[int]]:
    """The positions of the inputs of a functional model that a symbolic tensor comes from."""
    producers = {id(t): node for node in nodes for t in outputs_of(node)}
    places = {id(t): k for k, t in enumerate(graph.inputs)}

    def of(symbol):
        found, stack, seen_before = set(), [symbol], set()
        while stack:
            t = stack.pop()
            if id(t) in places:
                found.add(places[id(t)])
            elif id(t) in producers and id(t) not in seen_before:
                stack += inputs_of(producers[id(t)])
            seen_before.add(id(t))
        return sorted(found)
    return of


def _unused(symbol: Any, like: tf.Tensor) -> tf.Tensor:
    """A tensor for an input that only lookup layers take, which are not called; as many rows as `like`."""
    dtype = tf.as_dtype(symbol.dtype)
    if not tf.executing_eagerly():
        return tf.compat.v1.placeholder(dtype, symbol.shape, STRING_INPUT)
    return tf.fill([tf.shape(like)[0], *(1 if d is None else d for d in symbol.shape[1:])],
                   tf.constant('' if dtype == tf.string else 0, dtype))


def _matched(model: Any, structure: Any, symbols: list[Any], names: list[tuple[str, int]],
             signature: Any) -> list[tf.TensorSpec | None]:
    """The signature in the order of the inputs. It may be nested as they are, have their names as keys, or be
    in their order."""
    if signature is None:
        return [None] * len(symbols)
    given, expected = leaves(signature), {path: id(t) for path, t in leaves(structure)}
    place = {id(t): k for k, t in enumerate(symbols)}
    _check_specs(given, model)
    if {path for path, _ in given} == set(expected) and set(expected.values()) == set(place):
        found = {place[expected[path]]: s for path, s in given}
    elif isinstance(signature, Mapping):
        found = {dict(names)[path]: s for path, s in given if path in dict(names)}
    else:
        found = dict(enumerate(s for _, s in given))
    if not len(given) == len(found) == len(symbols):
        raise SourceError(f'input_signature has {len(given)} entries{_listed(path for path, _ in given)}, '
                          f'but "{model.name}" takes {len(symbols)} inputs'
                          f'{_listed(name for name, _ in names)}')
    return [found[k] for k in range(len(symbols))]


def _listed(names: Iterable[str]) -> str:
    """Names in parentheses; empty without names."""
    given = [name for name in names if name]
    return f' ({", ".join(given)})' if given else ''


def _check_specs(given: Sequence[tuple[str, Any]], model: Any) -> None:
    """Raise SourceError unless all leaves of a signature are tf.TensorSpec."""
    wrong = sorted({type(s).__name__ for _, s in given if not isinstance(s, tf.TensorSpec)})
    if wrong or not given:
        raise SourceError(f'input_signature takes one tf.TensorSpec(shape, dtype) for each input of '
                          f'"{model.name}", in a list or a dict, not ' + (', '.join(wrong) or 'nothing'))


def _inputs_of_subclassed(model: Any, signature: Any) -> Inputs:
    """The inputs of a model without a graph of nodes: as the signature says, or as the model was built."""
    if signature is None:
        signature = _signature_of_subclassed(model)
    elif isinstance(signature, (list, tuple)) and len(signature) == 1 and not isinstance(signature[0],
                                                                                        tf.TensorSpec):
        [signature] = signature                     # one argument, which is a dict or a list
    given = leaves(signature)
    _check_specs(given, model)
    names = [path if isinstance(signature, Mapping) else s.name or f'input_{k}'
             for k, (path, s) in enumerate(given)]
    specs = [tf.TensorSpec(s.shape, s.dtype, _op_name(name)) for name, (_, s) in zip(names, given)]
    place = {path: k for k, (path, _) in enumerate(given)}

    def packed(tensors):
        if len(tensors) == 1 and not isinstance(signature, Mapping):
            return tensors[0]
        return rebuilt(list(signature) if isinstance(signature, tuple) else signature,
                       lambda path, _: tensors[place[path]])
    raw_inputs = [RawInput([name], s.shape, s.dtype) for name, s in zip(names, specs)]
    positions = rebuilt(signature, lambda path, _: place[path])
    return Inputs(specs, [(name, k) for k, name in enumerate(names)], packed,
                  preprocess=lambda raw: raw_arrays(raw, raw_inputs, positions))


def _signature_of_subclassed(model: Any) -> Any:
    """What a subclassed model takes, as it was called before. Keras 3 keeps the shape of one input, tf_keras
    the shapes and dtypes of all."""
    if is_legacy(model) and model.built and model.save_spec() is not None:
        args, kwargs = model.save_spec()
        if len(args) == 1 and not kwargs and all(isinstance(s, tf.TensorSpec) for _, s in leaves(args[0])):
            return args[0] if isinstance(args[0], (Mapping, list)) else [args[0]]
    has_config = getattr(model, 'built', False) and hasattr(model, 'get_build_config')
    shape = ((model.get_build_config() if has_config else None) or {}).get('input_shape')
    if not shape or isinstance(shape, Mapping) or not all(d is None or isinstance(d, int) for d in shape):
        spec, keys = 'tf.TensorSpec((None, ...), tf.float32)', shape if isinstance(shape, Mapping) else ()
        example = f'{{{", ".join(f"{key!r}: {spec}" for key in keys)}}}' if keys else f'[{spec}]'
        what = 'is a subclassed model' if getattr(model, 'built', False) else 'is not built, or is a model'
        raise SourceError(f'"{model.name}" {what} that does not tell its input. Give from_keras(model, '
                          f'input_signature={example}), one entry per input; a dict for a dict of inputs')
    return [tf.TensorSpec((None, *shape[1:]), tf.float32)]


def _op_name(name: str) -> str:
    """A name that TensorFlow takes for an op."""
    return re.sub('[^A-Za-z0-9_.-]', '_', name if name[:1].isalnum() else f'input_{name}')
