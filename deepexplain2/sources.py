"""Ways in: Keras models, SavedModels, frozen graphs and functions as a graph of their own, weights frozen to what they are now."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf
from google.protobuf import text_format
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tensorflow.python.framework import op_def_registry
from tensorflow.python.framework.convert_to_constants import _FunctionConverterDataInEager, _replace_variables_by_constants

from . import checks
from .errors import SourceError, shown
from .graph.flat import drop_custom_gradients
from .graph.path import OURS, SHAPE_ONLY, explainable, own_placeholders, reached
from .kinds import GRAPH, KERAS, OTHER, SAVED_MODEL, is_keras_model, path_of, way_in

TABLES = ('StringLookup', 'IntegerLookup', 'TextVectorization', 'Hashing', 'HashedCrossing')      # layers with a table or a hash inside
VARIABLES = {'VarHandleOp', 'Variable', 'VariableV2', 'AutoReloadVariable', 'TemporaryVariable'}
WRITES = re.compile('Assign|Resource(Scatter|Apply|SparseApply|StridedSliceAssign|CountUpTo)|Scatter(Nd)?(Add|Sub|Mul|Div|Min|Max|Update)$'
                    '|Rng|Stateful(Standard|Truncated|Uniform|Random)')
OWN_RESOURCES = ('TensorArray', 'Stack')        # made and used up within one run


@dataclass
class Source:
    """A graph with constants for weights, and what its tensors are called outside.

    names: of inputs and outputs. layers: Keras layers by name, their output. symbolic: id of a Keras symbolic tensor -> (the tensor, kept so
    that its id stays its own, and its counterpart in the graph).
    """
    graph: tf.Graph
    inputs: list[tf.Tensor]
    outputs: list[tf.Tensor]
    names: dict[str, tf.Tensor] = field(default_factory=dict)
    layers: dict[str, tf.Tensor] = field(default_factory=dict)
    symbolic: dict[int, tuple[Any, tf.Tensor]] = field(default_factory=dict)


@dataclass(eq=False)
class Node:
    """A call of a layer in a functional model, with symbolic tensors."""
    layer: Any
    inputs: list[Any]
    outputs: list[Any]


def from_keras(model: Any, input_signature: Sequence[tf.TensorSpec] | None) -> Source:
    """A Keras 3 or tf_keras model, or the path of a saved one; inference mode."""
    _need_eager('from_keras')
    if isinstance(model, (str, bytes, os.PathLike)):
        path = path_of(model, 'from_keras', KERAS)
        model = _try(lambda: tf.keras.models.load_model(path, compile=False), f'from_keras cannot load {path!r}')
    if not is_keras_model(model):
        raise SourceError(f'from_keras takes a Keras model or the path of one, not {type(model).__name__}{way_in(model)}')
    if input_signature is not None:
        nested = isinstance(input_signature, Mapping)           # the one input of a model that takes a dict
        input_signature = checks.signature([input_signature] if nested else input_signature, 'from_keras')
    functional = getattr(model, '_functional', None) or model
    symbolic = _symbolic_tensors(functional)
    if not symbolic:
        return _from_subclassed(model, input_signature)
    if input_signature is not None:
        raise SourceError('from_keras takes an input_signature for subclassed models only; this one knows its inputs')
    inputs, symbolic = _behind_lookups(functional, symbolic)
    taken_in = {id(t) for t in inputs}
    tensors = [t for t, _ in symbolic if id(t) not in taken_in]
    specs = [tf.TensorSpec(t.shape, _dtype(t), name=f'input_{k}') for k, t in enumerate(inputs)]
    call = _function_of(functional, inputs, tensors)
    graph, taken, given = _freeze(tf.function(lambda *x: call(list(x))).get_concrete_function(*specs), 'from_keras')
    source = Source(graph, taken, [])
    counterpart = {id(t): t_graph for t, t_graph in zip(tensors, given)}
    counterpart |= {id(t): t_graph for t, t_graph in zip(inputs, taken)}
    source.symbolic = {id(t): (t, counterpart[id(t)]) for t in [*tensors, *inputs]}
    source.layers = {layer: counterpart[id(t)] for t, layer in symbolic}
    source.outputs = [counterpart[id(t)] for t in functional.outputs]
    whole = [id(t) for t in inputs] == [id(t) for t in functional.inputs]       # tf_keras tensors do not compare with ==
    input_names = list(getattr(functional, 'input_names', None) or []) if whole else []
    input_names = input_names or [t.name for t in inputs]
    output_names = list(getattr(functional, 'output_names', None) or [])
    source.names = dict(zip(output_names, source.outputs)) | dict(zip(input_names, taken))
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
        raise SourceError(f'from_graph_def takes a GraphDef or the path of one, not {type(given).__name__}{way_in(given)}')
    if not graph_def.node:
        raise SourceError('from_graph_def: the GraphDef is empty, without a single node')
    variables = [n.name for n in graph_def.node if n.op in VARIABLES]
    if variables:
        raise SourceError(f'the graph is not frozen: it has {len(variables)} variables, e.g. "{variables[0]}", without values. Freeze it with '
                          'tf.compat.v1.graph_util.convert_variables_to_constants, or use DeepExplain(session)')
    graph = _try(lambda: _graph_of(graph_def), 'from_graph_def cannot import the GraphDef')
    inputs = own_placeholders(graph)
    if not inputs:
        raise SourceError(f'from_graph_def: the graph has no placeholders, so nothing to explain, among its {len(graph_def.node)} nodes')
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
            raise SourceError(f'{path!r} is not a GraphDef but a SavedModel. Call the file saved_model.pb, and give from_saved_model its folder')
        if meta.graph_def.node:
            raise SourceError(f'{path!r} is not a GraphDef but a MetaGraphDef, without weights. Restore them in a session, and use '
                              'DeepExplain(session)')
        raise SourceError(f'{path!r} is not a GraphDef, neither binary nor text{problem}')
    return graph_def


def _try(action: Callable[[], Any], what: str) -> Any:
    """What an action of TensorFlow, Keras or the user's code gives; a SourceError, with theirs as its cause, where it fails."""
    try:
        return action()
    except SourceError:
        raise
    except Exception as e:
        raise SourceError(f'{what}. {_said(e)}') from e


def _said(error: Exception) -> str:
    """What an error says, without the places in TensorFlow's and Keras's code, and the nodes, that it names."""
    text = re.sub('\x1b\\[[0-9;]*m', '', str(error).partition('Arguments received by')[0])         # Keras adds both
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if lines and lines[0] == 'in user code:':           # of AutoGraph: files and lines, the error itself at the end
        lines = lines[-1:]
    else:
        lines = [f'{type(error).__name__}: {" ".join(lines)}']
    return re.sub(r'\{\{node ([^}]*)\}\}( = \w+\[[^\]]*\]\([^)]*\))?', r'\1', lines[0])[:500]


def from_function(fn: Any, input_signature: Sequence[Any] | None) -> Source:
    """A tf.function, ConcreteFunction or Python function of tensors."""
    _need_eager('from_function')
    if isinstance(fn, type) or not callable(fn) or is_keras_model(fn):
        raise SourceError(f'from_function takes a function of tensors, not {type(fn).__name__}{way_in(fn)}')
    if input_signature is not None:
        input_signature = checks.signature(input_signature, 'from_function')
    if hasattr(fn, 'structured_input_signature'):
        captured = {t.name for t in fn.graph.internal_captures}
        own = [(t.shape.as_list() if t.shape.rank is not None else None, t.dtype) for t in fn.inputs if t.name not in captured]
        if input_signature is not None and own != [(s.shape.as_list() if s.shape.rank is not None else None, s.dtype)
                                                   for s in tf.nest.flatten(input_signature)]:
            raise SourceError('from_function: the ConcreteFunction has an input_signature of its own, and another was given. Leave it out, or give '
                              'the tf.function that it was made from')
        return _from_concrete(fn, 'from_function')
    if input_signature is None and getattr(fn, 'input_signature', None) is None:
        raise SourceError('from_function needs an input_signature: a list of tf.TensorSpec(shape, dtype), with None for the batch')
    function = fn if hasattr(fn, 'get_concrete_function') else tf.function(fn)
    concrete = _traced(function, input_signature or (), 'from_function')
    return _from_concrete(concrete, 'from_function')


def leaves(graph: tf.Graph, inputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Floating outputs of the model's ops that depend on the inputs and that none of them takes anything of."""
    def is_used(op):                # a loop of which something is used has results nobody wants
        return any(not user.name.startswith(OURS) for o in op.outputs for user in o.consumers())
    names = {x.name for x in inputs}
    return [t for t in explainable(graph, inputs) if t.name not in names and t.dtype.is_floating and not is_used(t.op)]


def _from_subclassed(model: Any, input_signature: Sequence[tf.TensorSpec] | None) -> Source:
    if input_signature is None:
        config = model.get_build_config() if getattr(model, 'built', False) and hasattr(model, 'get_build_config') else None
        shape = (config or {}).get('input_shape')
        if not shape or not all(d is None or isinstance(d, int) for d in shape):
            raise SourceError(f'"{model.name}" is a subclassed model that does not tell its input. Give from_keras(model, '
                              'input_signature=[tf.TensorSpec((None, ...), tf.float32)]), one entry per input')
        input_signature = [tf.TensorSpec((None, *shape[1:]), tf.float32)]
    specs = [tf.TensorSpec(s.shape, s.dtype, name=s.name or f'input_{k}') if isinstance(s, tf.TensorSpec) else s
             for k, s in enumerate(input_signature)]

    def call(*x):
        return model(x[0] if len(x) == 1 else list(x), training=False)
    return _from_concrete(_traced(tf.function(call), specs, 'from_keras'), 'from_keras')


def _traced(function: Any, specs: Sequence[Any], way: str) -> Any:
    """The ConcreteFunction of a tf.function for these inputs."""
    return _try(lambda: function.get_concrete_function(*specs), f'{way} could not trace the model for inputs {shown(list(specs))}. It must be '
                'callable with one tensor per input, and take no decision in Python on their values')


def _check_outputs(concrete: Any, way: str) -> None:
    """Raise SourceError unless a number that depends on an input comes out."""
    given, found = {t.name for t in concrete.inputs}, [t for t in concrete.outputs if isinstance(t, tf.Tensor)]
    captured = {t.name for t in concrete.graph.internal_captures}
    if not given - captured:
        raise SourceError(f'{way}: the model has no input')
    if not found:
        raise SourceError(f'{way}: the model returns {shown(concrete.structured_outputs)}: it must return tensors')
    numbers = [t for t in found if t.dtype.is_floating or t.dtype.is_integer or t.dtype.is_complex or t.dtype.is_bool]
    if not numbers:
        raise SourceError(f'{way}: the model returns ' + ', '.join(f'"{t.name}" {t.dtype.name}' for t in found) + ': it must return numbers')
    reach = reached(concrete.graph.get_operations(), given - captured, SHAPE_ONLY)
    if not any(t.name in reach for t in numbers):
        raise SourceError(f'{way}: no output of the model depends on the values of an input: ' + ', '.join(f'"{t.name}"' for t in found))


def _from_concrete(concrete: Any, way: str) -> Source:
    _check_outputs(concrete, way)
    names = sorted(concrete.structured_outputs) if isinstance(concrete.structured_outputs, dict) else []
    graph, inputs, outputs = _freeze(concrete, way)
    return Source(graph, inputs, outputs, dict(zip(names, outputs)) | {t.op.name: t for t in inputs})


def _freeze(concrete: Any, way: str) -> tuple[tf.Graph, list[tf.Tensor], list[tf.Tensor]]:
    """(graph, inputs, outputs) of a function, with constants for variables: also those that it writes have, in every run, the value of now.

    Outputs are the tensors of the model, not the copies that a function returns.
    """
    strings = [t.name for t in concrete.inputs if t.dtype == tf.string]
    if strings:
        raise SourceError(f'the model takes strings ("{strings[0]}"), which have no attributions. Cut it behind its string layers and give '
                          f'{way} the part that takes numbers')
    captured = {t.name for t in concrete.graph.internal_captures}
    inputs = [t.name for t in concrete.inputs if t.name not in captured]
    try:
        data = _FunctionConverterDataInEager(func=concrete, lower_control_flow=False, aggressive_inlining=False)
        outputs = _without_copies(data.graph_def, [t.name for t in concrete.outputs])
        written = _drop_writes(data.graph_def, [*inputs, *outputs], way)
        for name in data.tensor_data.keys() - {node.name for node in data.graph_def.node}:
            del data.tensor_data[name]
        _check_resources(data.graph_def, data.tensor_data, way)
        states = [data.tensor_data[name].numpy for name in written & data.tensor_data.keys()]
        rows = {state.shape[0] for state in states if state.ndim > 1}
        if len(rows) == 1 and all(t.shape.rank and t.shape[0] in rows for t in concrete.outputs):
            _fix_batch(data.graph_def, {_node_name(name) for name in inputs}, *rows)
        graph = _graph_of(_replace_variables_by_constants(data)[0])
    except SourceError:
        raise
    except Exception as e:
        raise SourceError(f'{way} could not freeze the model. TensorFlow says: {str(e)[:500]}') from e
    return graph, [graph.get_tensor_by_name(name) for name in inputs], [graph.get_tensor_by_name(name) for name in outputs]


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


def _drop_writes(graph_def: tf.compat.v1.GraphDef, wanted: Sequence[str], way: str) -> set[str]:
    """Leave of a graph what the wanted tensors need, without waiting for the variables it writes; their names."""
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
        raise SourceError(f'{way} cannot freeze the model: its outputs depend on "{name}" ({nodes[name].op}), which writes variables. Only '
                          'variables that are written outside of loops and conditionals can be kept as they are')
    for name in sorted(needed & late.keys()):
        raise SourceError(f'{way} cannot freeze the model: it writes a variable ("{late[name]}") and then reads it ("{name}"), so that there is '
                          'no one value to keep')
    remaining = [node for node in graph_def.node if node.name in needed]
    del graph_def.node[:]
    graph_def.node.extend(remaining)
    return written


def _fix_batch(graph_def: tf.compat.v1.GraphDef, inputs: set[str], rows: int) -> None:
    """Give inputs the batch of the state: Keras leaves it open in a SavedModel, where a single row would meet the states of all."""
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
        called = [f.name for a in node.attr.values() for f in ([a.func] if a.HasField('func') else a.list.func)]
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


def _variables(name: str, nodes: Mapping[str, Any]) -> set[str]:
    """The nodes that the inputs of a node are, without the Identity ops on the way: its variables among them."""
    found = set()
    for i in nodes[name].input:
        behind = nodes[_node_name(i)]
        while behind.op == 'Identity':
            behind = nodes[_node_name(behind.input[0])]
        if not i.startswith('^') and (behind.op in VARIABLES or behind.attr['dtype'].type == tf.resource.as_datatype_enum):
            found.add(behind.name)
    return found


def _check_resources(graph_def: tf.compat.v1.GraphDef, values: Mapping[str, Any], way: str) -> None:
    """Raise SourceError at tables and the like, which have no value that could stand in their place."""
    nodes = {node.name: node for node in graph_def.node}
    for node in graph_def.node:
        made = any(o.type == tf.resource.as_datatype_enum for o in op_def_registry.get(node.op).output_arg)
        given = node.op == 'Placeholder' and node.attr['dtype'].type == tf.resource.as_datatype_enum
        if (made or given) and node.name not in values and not node.op.startswith(OWN_RESOURCES):
            users = [n for n in nodes if node.name in _variables(n, nodes) and nodes[n].op != 'Identity']
            used = f' by "{users[0]}" ({nodes[users[0]].op})' if users else ''
            raise SourceError(f'{way} cannot freeze the model: "{node.name}", used{used}, is a table or another resource without a value. Cut the '
                              f'model behind it and give {way} the part that takes numbers')


def _node_name(tensor: str) -> str:
    return tensor.lstrip('^').split(':')[0]


def _graph_of(graph_def: tf.compat.v1.GraphDef) -> tf.Graph:
    drop_custom_gradients(graph_def)
    graph = tf.Graph()
    with graph.as_default():
        tf.graph_util.import_graph_def(graph_def, name='')
    return graph


def _nodes(model: Any) -> list[Node]:
    """The calls of layers in a functional model, inputs first."""
    nodes = [node for depth in sorted(model._nodes_by_depth, reverse=True) for node in model._nodes_by_depth[depth]]
    return [Node(n.operation, n.input_tensors, n.output_tensors) if hasattr(n, 'operation')         # Keras 3, else tf_keras
            else Node(n.layer, [] if n.is_input else n.keras_inputs, tf.nest.flatten(n.outputs)) for n in nodes]


def _symbolic_tensors(model: Any) -> list[tuple[Any, str]]:
    """(symbolic tensor, layer name) of every call in a functional model, in order; empty for a subclassed one."""
    if not getattr(model, 'inputs', None) or not getattr(model, 'outputs', None):
        return []
    wanted = {id(t) for t in model.outputs} | {id(t) for t in model.inputs}
    result = [(t, node.layer.name) for node in _nodes(model) for t in node.outputs]
    return result if wanted <= {id(t) for t, _ in result} | {id(t) for t in model.inputs} else []


def _behind_lookups(model: Any, symbolic: list[tuple[Any, str]]) -> tuple[list[Any], list[tuple[Any, str]]]:
    """(inputs, tensors) of the part of a functional model that takes numbers, without string and lookup layers, whose tables cannot be
    frozen; the whole model where it has none."""
    nodes = _nodes(model)
    tables = [node for node in nodes if type(node.layer).__name__ in TABLES]
    if not tables and not any(_dtype(t) == tf.string for t in model.inputs):
        return list(model.inputs), symbolic
    used = {id(t) for node in nodes if node not in tables for t in node.inputs} | {id(t) for t in model.outputs}
    given = [*model.inputs, *(t for node in tables for t in node.outputs)]
    inputs = [t for t in given if id(t) in used and _dtype(t) != tf.string]
    behind = {id(t) for t in inputs}
    for node in nodes:
        if node not in tables and node.inputs and all(id(t) in behind for t in node.inputs):
            behind |= {id(t) for t in node.outputs}
    if not all(id(t) in behind for t in model.outputs):
        raise SourceError(f'an output of "{model.name}" depends on strings other than through string and lookup layers ({", ".join(TABLES)}). '
                          'Give from_keras the part of the model that takes numbers')
    return inputs, [(t, layer) for t, layer in symbolic if id(t) in behind]


def _function_of(model: Any, inputs: list[Any], tensors: list[Any]) -> Callable:
    """A callable from the inputs to all these tensors, in inference mode."""
    if any(c.__module__.startswith('tf_keras') for c in type(model).__mro__):
        import tf_keras
        layers = [layer for layer in model._flatten_layers() if hasattr(layer, '_inbound_nodes')]
        nodes = [(layer, list(layer._inbound_nodes), list(layer._outbound_nodes)) for layer in layers]
        whole = tf_keras.Model(inputs, tensors, name=model.name)
        for layer, inbound, outbound in nodes:          # a model of hidden tensors adds nodes, after which layer.output is ambiguous
            layer._inbound_nodes[:], layer._outbound_nodes[:] = inbound, outbound
        return lambda x: whole(x, training=False)
    import keras
    return keras.Function(inputs, tensors, name='deepexplain2')


def _dtype(tensor: Any) -> tf.DType:
    return tf.as_dtype(tensor.dtype)


def _need_eager(way: str) -> None:
    with tf.init_scope():
        if not tf.executing_eagerly():
            raise SourceError(f'{way} needs eager execution, which tf.compat.v1.disable_eager_execution() or disable_v2_behavior() switched '
                              'off, or the graph that is the default graph here (leave its with block). Give the session that holds the model: '
                              'DeepExplain(session)')
