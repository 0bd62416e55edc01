"""Ways in: Keras models, SavedModels, frozen graphs and functions as a graph of their own, weights frozen to
what they are now."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import tensorflow as tf
from google.protobuf import text_format
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tensorflow.python.framework import op_def_registry
from tensorflow.python.framework.convert_to_constants import (
    _FunctionConverterDataInEager,
    _replace_variables_by_constants,
)
from tensorflow.python.util import nest

from ..errors import SourceError, said, shown
from ..graph import custom_gradients
from ..graph.op_types import LIBRARY_SCOPE, SHAPE_ONLY
from ..graph.walks import descendants, explainable, user_placeholders
from ..kinds import GRAPH, KERAS, OTHER, SAVED_MODEL, is_keras_model, path_of, way_in
from .keras import STRINGS, TABLES, Symbol, traced
from .names import LayerOutput
from .signature import as_signature

VARIABLES = {'VarHandleOp', 'Variable', 'VariableV2', 'AutoReloadVariable', 'TemporaryVariable'}
WRITES = re.compile('Assign|Resource(Scatter|Apply|SparseApply|StridedSliceAssign|CountUpTo)|Scatter(Nd)?(Add|Sub|Mul|Div|Min|Max|Update)$'
                    '|Rng|Stateful(Standard|Truncated|Uniform|Random)')
OWN_RESOURCES = ('TensorArray', 'Stack')        # made and used up within one run


@dataclass
class Source:
    """A graph with constants for weights, and what its tensors are called outside.

    original: the model itself, in inference mode and eager: from one tensor per input, in the order of
    `inputs`, to a flat list of tensors in the order of `outputs`; it leaves the model as it was. specs: what
    it takes. None where there is no such callable.
    states: handles of the variables that it may read and write.
    input_names, output_names: pairs of a name and its tensor. layers: the outputs of Keras layers. symbolic:
    id of a Keras symbolic tensor -> (the tensor, kept so that its id stays its own, and what it stands for in
    the graph).
    """
    graph: tf.Graph
    inputs: list[tf.Tensor]
    outputs: list[tf.Tensor]
    input_names: list[tuple[str, tf.Tensor]] = field(default_factory=list)
    output_names: list[tuple[str, tf.Tensor]] = field(default_factory=list)
    layers: list[LayerOutput] = field(default_factory=list)
    symbolic: dict[int, Symbol] = field(default_factory=dict)
    original: Callable[..., list[tf.Tensor]] | None = None
    specs: list[tf.TensorSpec] = field(default_factory=list)
    states: list[tf.Tensor] = field(default_factory=list)


def from_keras(model: Any, input_signature: Sequence[tf.TensorSpec] | None) -> Source:
    """A Keras 3 or tf_keras model, or the path of a saved one; inference mode."""
    _need_eager('from_keras')
    if isinstance(model, (str, bytes, os.PathLike)):
        path = path_of(model, 'from_keras', KERAS)
        model = _try(lambda: tf.keras.models.load_model(path, compile=False), f'from_keras cannot load '
                                                                              f'{path!r}')
    if not is_keras_model(model):
        raise SourceError(f'from_keras takes a Keras model or the path of one, not '
                          f'{type(model).__name__}{way_in(model)}')
    if isinstance(input_signature, Mapping):
        as_signature([input_signature], 'from_keras')
    elif input_signature is not None:
        input_signature = as_signature(input_signature, 'from_keras')
    found = traced(model, input_signature)
    _check_outputs(found.concrete, 'from_keras', len(found.named))
    graph, inputs, outputs, named = _freeze(found.concrete, 'from_keras', found.named)
    source = Source(graph, inputs, outputs, original=found.original, specs=found.specs,
                    states=_states(found.concrete))
    source.input_names = [(name, inputs[k]) for name, k in found.input_names]
    source.output_names = [(name, outputs[k]) for name, k in found.output_names]
    source.layers = [replace(output, tensor=named.get(id(output.tensor))) for output in found.layers]
    source.symbolic = {i: (symbol, [(label, named.get(id(t))) for label, t in known]) for i,
                       (symbol, known) in found.symbolic.items()}
    return source


def from_saved_model(path: str | os.PathLike, signature: str) -> Source:
    """A SavedModel, of TensorFlow 2, Keras or TensorFlow 1."""
    _need_eager('from_saved_model')
    path = path_of(path, 'from_saved_model', SAVED_MODEL)
    loaded = _try(lambda: tf.saved_model.load(path), f'from_saved_model cannot load {path!r}')
    if not isinstance(signature, str) or signature not in loaded.signatures:
        raise SourceError(f'the SavedModel at {path!r} has no signature {shown(signature)}. It has: '
                          + (', '.join(sorted(loaded.signatures)) or 'none'))
    return _from_concrete(loaded.signatures[signature], 'from_saved_model')


def from_graph_def(given: Any) -> Source:
    """A frozen GraphDef, as a proto or the path of a binary or text file."""
    if isinstance(given, tf.compat.v1.GraphDef):
        graph_def = tf.compat.v1.GraphDef()
        graph_def.CopyFrom(given)
    elif isinstance(given, (str, os.PathLike)):
        graph_def = _read_graph_def(path_of(given, 'from_graph_def', GRAPH, OTHER))
    else:
        raise SourceError(f'from_graph_def takes a GraphDef or the path of one, not '
                          f'{type(given).__name__}{way_in(given)}')
    if not graph_def.node:
        raise SourceError('from_graph_def: the GraphDef is empty, without a single node')
    variables = [n.name for n in graph_def.node if n.op in VARIABLES]
    if variables:
        raise SourceError(f'the graph is not frozen: it has {len(variables)} variables, e.g. '
                          f'"{variables[0]}", without values. Freeze it with '
                          'tf.compat.v1.graph_util.convert_variables_to_constants, or use '
                          'DeepExplain(session)')
    graph = _try(lambda: _graph_of(graph_def), 'from_graph_def cannot import the GraphDef')
    inputs = user_placeholders(graph)
    if not inputs:
        raise SourceError(f'from_graph_def: the graph has no placeholders, so nothing to explain, among its '
                          f'{len(graph_def.node)} nodes')
    return Source(graph, inputs, leaves(graph, inputs))


def _read_graph_def(path: str) -> tf.compat.v1.GraphDef:
    """A binary or text file."""
    with open(path, 'rb') as file:
        content = file.read()
    graph_def, problem = tf.compat.v1.GraphDef(), ''
    try:
        graph_def.ParseFromString(content)
    except DecodeError:
        try:
            text_format.Parse(content.decode(), graph_def)
        except (UnicodeDecodeError, text_format.ParseError) as e:
            problem = f': {str(e)[:200]}'
    if not graph_def.node or not all(node.op for node in graph_def.node):
        saved, meta = SavedModel(), tf.compat.v1.MetaGraphDef()
        with contextlib.suppress(DecodeError):
            saved.ParseFromString(content)
        with contextlib.suppress(DecodeError):
            meta.ParseFromString(content)
        if any(m.graph_def.node for m in saved.meta_graphs):
            raise SourceError(f'{path!r} is not a GraphDef but a SavedModel. Call the file saved_model.pb, '
                              f'and give from_saved_model its folder')
        if meta.graph_def.node:
            raise SourceError(f'{path!r} is not a GraphDef but a MetaGraphDef, without weights. Restore them '
                              f'in a session, and use '
                              'DeepExplain(session)')
        raise SourceError(f'{path!r} is not a GraphDef, neither binary nor text{problem}')
    return graph_def


def _try(action: Callable[[], Any], what: str) -> Any:
    """What an action of TensorFlow, Keras or the user's code gives; a SourceError, with theirs as its cause,
    where it fails."""
    try:
        return action()
    except SourceError:
        raise
    except Exception as e:
        raise SourceError(f'{what}. {said(e)}') from e


def from_function(fn: Any, input_signature: Sequence[Any] | None) -> Source:
    """A tf.function, ConcreteFunction or Python function of tensors."""
    _need_eager('from_function')
    if isinstance(fn, type) or not callable(fn) or is_keras_model(fn):
        raise SourceError(f'from_function takes a function of tensors, not {type(fn).__name__}{way_in(fn)}')
    if input_signature is not None:
        input_signature = as_signature(input_signature, 'from_function')
    if hasattr(fn, 'structured_input_signature'):
        captured = {t.name for t in fn.graph.internal_captures}
        own = [(t.shape.as_list() if t.shape.rank is not None else None, t.dtype) for t in fn.inputs
               if t.name not in captured]
        if input_signature is not None and own != [(s.shape.as_list() if s.shape.rank is not None else None,
                                                    s.dtype)
                                                   for s in tf.nest.flatten(input_signature)]:
            raise SourceError('from_function: the ConcreteFunction has an input_signature of its own, and '
                              'another was given. Leave it out, or give '
                              'the tf.function that it was made from')
        return _from_concrete(fn, 'from_function')
    if input_signature is None and getattr(fn, 'input_signature', None) is None:
        raise SourceError('from_function needs an input_signature: a list of tf.TensorSpec(shape, dtype), '
                          'with None for the batch')
    function = fn if hasattr(fn, 'get_concrete_function') else tf.function(fn)
    concrete = _traced(function, input_signature or (), 'from_function')
    return _from_concrete(concrete, 'from_function', fn)


def leaves(graph: tf.Graph, inputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Floating outputs of the model's ops that depend on the inputs and that none of them takes anything
    of."""
    def is_used(op):                # a loop of which something is used has results nobody wants
        return any(not user.name.startswith(LIBRARY_SCOPE) for o in op.outputs for user in o.consumers())
    names = {x.name for x in inputs}
    return [t for t in explainable(graph, inputs) if t.name not in names and t.dtype.is_floating
            and not is_used(t.op)]


def _from_concrete(concrete: Any, way: str, original: Callable | None = None) -> Source:
    """original: the function that was traced; the concrete one itself where there is none."""
    _check_outputs(concrete, way)
    graph, inputs, outputs, _ = _freeze(concrete, way)
    names = [path for path, t in _with_paths(concrete.structured_outputs) if t is not None]
    given = [(name, t) for name, t in zip(names, outputs) if name] if len(names) == len(outputs) else []
    return Source(graph, inputs, outputs, list(zip(_argument_names(concrete, inputs), inputs)), given,
                  original=_flat(concrete, original),
                  specs=[tf.TensorSpec(t.shape, t.dtype) for t in inputs], states=_states(concrete))


def _with_paths(structure: Any) -> list[tuple[str, Any]]:
    """(path, leaf) of a structure as TensorFlow takes it apart: 'a/0', 'a/1', 'b'."""
    return list(nest.flatten_with_joined_string_paths(structure, expand_composites=True))


def _argument_names(concrete: Any, inputs: Sequence[tf.Tensor]) -> list[str]:
    """What the inputs of a function are called: its arguments, and what is in those that are nested
    ('x/left')."""
    arguments, keywords = concrete.structured_input_signature
    parameters = list(concrete.function_type.parameters) if concrete.function_type else []
    named = [*zip(parameters if len(parameters) >= len(arguments) else map(str, range(len(arguments))),
                  arguments), *sorted(keywords.items())]
    nested = [f'{name}/{path}' if path else name for name, value in named for path, t in _with_paths(value)
              if isinstance(t, tf.TensorSpec)]
    if any('/' in name for name in nested) and len(nested) == len(inputs):
        return nested
    # in the order of the inputs, which that of a SavedModel's arguments may not be
    known = concrete._arg_keywords or []
    return list(known) if len(known) == len(inputs) else [t.op.name for t in inputs]


def _flat(concrete: Any, original: Callable | None) -> Callable[..., list[tf.Tensor]]:
    """A function, called as it was traced, from a flat list of tensors to one."""
    def call(*x):
        given = iter(x)
        args, kwargs = nest.map_structure(lambda s: next(given) if isinstance(s, tf.TensorSpec) else s,
                                          concrete.structured_input_signature)
        y = concrete(*args, **kwargs) if original is None else original(*args, **kwargs)
        return [t for t in nest.flatten(y, expand_composites=True) if t is not None]
    return call


def _states(concrete: Any) -> list[tf.Tensor]:
    return [t for t in concrete.captured_inputs if t.dtype == tf.resource]


def _traced(function: Any, specs: Sequence[Any], way: str) -> Any:
    """The ConcreteFunction of a tf.function for these inputs."""
    return _try(lambda: function.get_concrete_function(*specs), f'{way} could not trace the model for inputs '
                                                                f'{shown(list(specs))}. It must be '
                'callable with one tensor per input, and take no decision in Python on their values')


def _check_outputs(concrete: Any, way: str, named: int = 0) -> None:
    """Raise SourceError unless a number that depends on an input comes out. named: how many of the last
    outputs are not those of the model."""
    given, found = {
        t.name for t in concrete.inputs}, [t for t in concrete.outputs[:len(concrete.outputs) - named]
                                           if isinstance(t, tf.Tensor)]
    captured = {t.name for t in concrete.graph.internal_captures}
    if not given - captured:
        raise SourceError(f'{way}: the model has no input')
    if not found:
        raise SourceError(f'{way}: the model returns {shown(concrete.structured_outputs)}: it must return '
                          f'tensors')
    numbers = [t for t in found if t.dtype.is_floating or t.dtype.is_integer or t.dtype.is_complex
               or t.dtype.is_bool]
    if not numbers:
        raise SourceError(f'{way}: the model returns ' + ', '.join(f'"{t.name}" {t.dtype.name}'
                                                                   for t in found) + ': it must return '
                                                                                     'numbers')
    reach = descendants(concrete.graph.get_operations(), given - captured, SHAPE_ONLY)
    if not any(t.name in reach for t in numbers):
        raise SourceError(f'{way}: no output of the model depends on the values of an input: '
                          + ', '.join(f'"{t.name}"' for t in found))


def _freeze(concrete: Any, way: str, named: Sequence[tf.Tensor] = ()) -> tuple[tf.Graph, list[tf.Tensor],
                                                                               list[tf.Tensor], dict[int, tf.Tensor]]:
    """(graph, inputs, outputs, named) of a function, with constants for variables: also those that it writes
    have, in every run, the value of now.

    Outputs are the tensors of the model, not the copies that a function returns. named: the last ones that
    the function returns, kept where they can be: by their id.
    """
    strings = [t.name for t in concrete.inputs if t.dtype == tf.string]
    if strings:
        raise SourceError(f'the model takes strings ("{strings[0]}"), which have no attributions. Cut it '
                          f'behind its string layers and give '
                          f'{way} the part that takes numbers')
    captured = {t.name for t in concrete.graph.internal_captures}
    inputs = [t.name for t in concrete.inputs if t.name not in captured]
    returned = concrete.outputs[:len(concrete.outputs) - len(named)]
    try:
        data = _FunctionConverterDataInEager(func=concrete, lower_control_flow=False,
                                             aggressive_inlining=False)
        custom_gradients.keep(data.graph_def, concrete.graph)
        names = _without_copies(data.graph_def, [t.name for t in concrete.outputs])
        outputs = names[:len(returned)]
        tables = _without_value(data.graph_def, data.tensor_data)
        written, kept = _drop_writes(data.graph_def, [*inputs, *outputs], names[len(returned):], tables, way)
        for name in data.tensor_data.keys() - {node.name for node in data.graph_def.node}:
            del data.tensor_data[name]
        _check_resources(data.graph_def, data.tensor_data, way)
        states = [data.tensor_data[name].numpy for name in written & data.tensor_data.keys()]
        rows = {state.shape[0] for state in states if state.ndim > 1}
        if len(rows) == 1 and all(t.shape.rank and t.shape[0] in rows for t in returned):
            _fix_batch(data.graph_def, {_node_name(name) for name in inputs}, *rows)
        graph = _graph_of(_replace_variables_by_constants(data)[0])
    except SourceError:
        raise
    except Exception as e:
        raise SourceError(f'{way} could not freeze the model. TensorFlow says: {str(e)[:500]}') from e
    tensor = graph.get_tensor_by_name
    return (graph, [tensor(name) for name in inputs], [tensor(name) for name in outputs],
            {id(t): tensor(name) for t, name in zip(named, names[len(returned):]) if name in kept})


def _without_copies(graph_def: tf.compat.v1.GraphDef, outputs: Sequence[str]) -> list[str]:
    """Names of the tensors behind the Identity ops that a function returns, which only clutter the graph."""
    nodes = {node.name: node for node in graph_def.node}
    taken = {_node_name(i) for node in graph_def.node for i in node.input}
    result = []
    for name in outputs:
        node = nodes[_node_name(name)]
        behind = node.input[0] if node.op == 'Identity' and node.name not in taken else name
        result.append(behind if ':' in behind else f'{behind}:0')
    return result


def _drop_writes(graph_def: tf.compat.v1.GraphDef, wanted: Sequence[str], named: Sequence[str],
                 tables: Sequence[str],
                 way: str) -> tuple[set[str], set[str]]:
    """Leave of a graph what the wanted tensors need, without waiting for the variables it writes, and those
    of the named ones that need neither these nor tables: (names of these variables, names that are kept)."""
    nodes = {node.name: node for node in graph_def.node}
    writing = _writing(graph_def)
    written = set().union(*(_variables(name, nodes) for name in writing))
    late = _late_reads(nodes, writing)
    for node in graph_def.node:
        kept = [i for i in node.input if not (i.startswith('^') and i[1:] in writing)]
        del node.input[:]
        node.input.extend(kept)
    needed = _ancestors([_node_name(name) for name in wanted], nodes)
    for name in sorted(needed & writing):
        raise SourceError(f'{way} cannot freeze the model: its outputs depend on "{name}" '
                          f'({nodes[name].op}), which writes variables. Only '
                          'variables that are written outside of loops and conditionals can be kept as they '
                          'are')
    for name in sorted(needed & late.keys()):
        raise SourceError(f'{way} cannot freeze the model: it writes a variable ("{late[name]}") and then '
                          f'reads it ("{name}"), so that there is '
                          'no one value to keep')
    strings = {name for name in nodes if name.startswith(STRINGS) and nodes[name].op == 'Placeholder'}
    if needed & strings:
        raise SourceError(f'an output of the model depends on strings other than through string and lookup '
                          f'layers ({", ".join(TABLES)}). '
                          f'Give {way} the part of the model that takes numbers')
    lost = _users(writing | late.keys() | strings | {*tables}, nodes)
    keep = {name for name in named if _node_name(name) not in lost}
    needed |= _ancestors([_node_name(name) for name in keep], nodes)
    remaining = [node for node in graph_def.node if node.name in needed]
    del graph_def.node[:]
    graph_def.node.extend(remaining)
    return written, keep


def _fix_batch(graph_def: tf.compat.v1.GraphDef, inputs: set[str], rows: int) -> None:
    """Give inputs the batch of the state: Keras leaves it open in a SavedModel, where a single row would meet
    the states of all."""
    for node in graph_def.node:
        if node.name in inputs and node.attr['shape'].shape.dim and node.attr['shape'].shape.dim[0].size == -1:
            node.attr['shape'].shape.dim[0].size = rows


def _writing(graph_def: tf.compat.v1.GraphDef) -> set[str]:
    """Names of the nodes that write variables, in the functions they call included."""
    functions = {f.signature.name: f for f in graph_def.library.function}
    known: dict[str, bool] = {}

    def function_writes(name):
        if name not in known:
            known[name] = False                         # while it is being looked at: it may call itself
            known[name] = name in functions and any(map(writes, functions[name].node_def))
        return known[name]

    def writes(node):
        called = [f.name for a in node.attr.values() for f in ([a.func] if a.HasField('func')
                                                               else a.list.func)]
        return bool(WRITES.match(node.op)) or any(map(function_writes, called))
    return {node.name for node in graph_def.node if writes(node)}


def _late_reads(nodes: Mapping[str, Any], writing: set[str]) -> dict[str, str]:
    """Nodes that take a variable after it was written -> what wrote it."""
    writes = {name: _variables(name, nodes) for name in writing}
    written = set().union(*writes.values())
    late: dict[str, str] = {}
    for name in nodes.keys() - writing if written else ():
        read = _variables(name, nodes) & written
        for write in sorted(_ancestors([name], nodes) & writing) if read else ():
            if writes[write] & read:
                late[name] = write
    return late


def _ancestors(names: Sequence[str], nodes: Mapping[str, Any]) -> set[str]:
    """The named nodes and all they wait for."""
    found, stack = set(names), list(names)
    while stack:
        fresh = {_node_name(i) for i in nodes[stack.pop()].input} - found
        found |= fresh
        stack += fresh
    return found


def _users(names: Iterable[str], nodes: Mapping[str, Any]) -> set[str]:
    """The named nodes and all that wait for them."""
    takers: dict[str, list[str]] = {}
    for node in nodes.values():
        for i in node.input:
            takers.setdefault(_node_name(i), []).append(node.name)
    found, stack = set(names), list(names)
    while stack:
        fresh = set(takers.get(stack.pop(), ())) - found
        found |= fresh
        stack += fresh
    return found


def _variables(name: str, nodes: Mapping[str, Any]) -> set[str]:
    """The nodes that the inputs of a node are, without the Identity ops on the way: its variables among
    them."""
    found = set()
    for i in nodes[name].input:
        behind = nodes[_node_name(i)]
        while behind.op == 'Identity':
            behind = nodes[_node_name(behind.input[0])]
        if not i.startswith('^') and (behind.op in VARIABLES
                                      or behind.attr['dtype'].type == tf.resource.as_datatype_enum):
            found.add(behind.name)
    return found


def _without_value(graph_def: tf.compat.v1.GraphDef, values: Mapping[str, Any]) -> list[str]:
    """Tables and the like, which have no value that could stand in their place."""
    def is_resource(node):
        made = any(o.type == tf.resource.as_datatype_enum for o in op_def_registry.get(node.op).output_arg)
        return made or (node.op == 'Placeholder' and node.attr['dtype'].type == tf.resource.as_datatype_enum)
    return [n.name for n in graph_def.node if n.name not in values and not n.op.startswith(OWN_RESOURCES)
            and is_resource(n)]


def _check_resources(graph_def: tf.compat.v1.GraphDef, values: Mapping[str, Any], way: str) -> None:
    """Raise SourceError at tables and the like."""
    nodes = {node.name: node for node in graph_def.node}
    for name in _without_value(graph_def, values):
        users = [n for n in nodes if name in _variables(n, nodes) and nodes[n].op != 'Identity']
        used = f' by "{users[0]}" ({nodes[users[0]].op})' if users else ''
        raise SourceError(f'{way} cannot freeze the model: "{name}", used{used}, is a table or another '
                          f'resource without a value. Cut the '
                          f'model behind it and give {way} the part that takes numbers')


def _node_name(tensor: str) -> str:
    return tensor.lstrip('^').split(':')[0]


def _graph_of(graph_def: tf.compat.v1.GraphDef) -> tf.Graph:
    custom_gradients.drop(graph_def, kept=True)
    graph = tf.Graph()
    with graph.as_default():
        tf.graph_util.import_graph_def(graph_def, name='')
    return graph


def _need_eager(way: str) -> None:
    with tf.init_scope():
        if not tf.executing_eagerly():
            raise SourceError(f'{way} needs eager execution, which tf.compat.v1.disable_eager_execution() or '
                              f'disable_v2_behavior() switched '
                              'off, or the graph that is the default graph here (leave its with block). Give '
                              'the session that holds the model: '
                              'DeepExplain(session)')
