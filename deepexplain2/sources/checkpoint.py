"""A MetaGraph of TensorFlow 1 with its checkpoint, restored into a session."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
from google.protobuf import text_format
from google.protobuf.message import DecodeError

from ..errors import SourceError, SourceWarning, warn
from ..graph import custom_gradients
from ..graph.op_types import LIBRARY_SCOPE
from ..graph.walks import ancestors, user_placeholders
from ..kinds import CHECKPOINT, path_of
from .guards import attempt
from .node_walks import VARIABLES
from .source import Source
from .terminals import terminal_outputs

v1 = tf.compat.v1
OF_TF2 = '_CHECKPOINTABLE_OBJECT_GRAPH'         # what tf.train.Checkpoint and Keras write beside the weights
PARTS = re.compile(r'\.(meta|index|data-\d+-of-\d+)$')
WRONG_SHAPES = re.compile("Node '([^']+)' has an _output_shapes attribute inconsistent")


def from_checkpoint(path: Any) -> Source:
    """The graph of a .meta file with the weights of its checkpoint, in a session of its own.

    Parameters
    ----------
    path : str or path
        What `Saver.save` was given, with or without the step, or one of the files; or the folder, of which
        the latest checkpoint is taken.

    Raises
    ------
    SourceError
        If a file is missing or damaged, or the weights do not fit the graph.
    """
    path = _path(path)
    prefix = _latest(path) if os.path.isdir(path) or os.path.basename(path) == 'checkpoint' else \
        PARTS.sub('', path)
    missing = _missing(prefix)
    if missing:
        raise SourceError(f'from_checkpoint: weights are missing at {prefix!r}: there is no '
                          f'{" and no ".join(missing)}.{_there_are(prefix, ".index", "Checkpoints")}')
    reader = attempt(lambda: tf.train.load_checkpoint(prefix), f'from_checkpoint cannot read {prefix!r}')
    if reader.has_tensor(OF_TF2):
        raise SourceError(f'from_checkpoint: the checkpoint at {prefix!r} is one of TensorFlow 2, which has '
                          'no graph. Build the model, restore the checkpoint, and use '
                          'from_keras or from_function')
    if not os.path.isfile(f'{prefix}.meta'):
        raise SourceError(f'from_checkpoint: the graph of the checkpoint is missing, a file '
                          f'{prefix + ".meta"!r}.{_there_are(prefix, ".meta", "Graphs")} Give the one that '
                          'the weights belong to this name; or build the model, restore the weights, and use '
                          'DeepExplain(session)')
    meta = _read(f'{prefix}.meta')
    failure = f'from_checkpoint cannot import the graph in {prefix + ".meta"!r}'
    graph, saver = attempt(lambda: _imported(meta), failure)
    variables = [op.name for op in graph.get_operations() if op.type in VARIABLES]
    if saver is None and variables:
        raise SourceError(f'{failure}: it has {len(variables)} variables, e.g. "{variables[0]}", and no '
                          'saver that restores them. Build the model, restore the weights, and use '
                          'DeepExplain(session)')
    _check_shapes(graph, reader.get_variable_to_shape_map(), prefix)
    session = v1.Session(graph=graph)
    try:
        with graph.as_default():
            if saver is not None:
                attempt(lambda: saver.restore(session, prefix),
                        f'from_checkpoint cannot restore the weights at {prefix!r}')
            _initialize_the_rest(session)
    except SourceError:
        session.close()
        raise
    inputs = user_placeholders(graph)
    outputs = terminal_outputs(graph, inputs)
    _warn_without_values(session, outputs, prefix)
    return Source(graph, inputs, outputs, session=session)


def _initialize_the_rest(session: tf.compat.v1.Session) -> None:
    """Fill what no checkpoint holds: tables and local variables, which may need the weights."""
    graph = session.graph
    variables = graph.get_collection(v1.GraphKeys.LOCAL_VARIABLES)
    without = _without_values(session, [v.op.outputs[0] for v in variables])
    for op in [*graph.get_collection(v1.GraphKeys.TABLE_INITIALIZERS),
               *(v.initializer for v, lacks in zip(variables, without) if lacks)]:
        with contextlib.suppress(tf.errors.OpError, ValueError):        # the file of a table is missing, say
            session.run(op)


def _without_values(session: tf.compat.v1.Session, handles: Sequence[tf.Tensor]) -> list[bool]:
    """Whether each variable has no value."""
    with session.graph.as_default(), tf.name_scope(LIBRARY_SCOPE):
        have = session.run([tf.raw_ops.VarIsInitializedOp(resource=t) if t.dtype == tf.resource
                            else v1.is_variable_initialized(t) for t in handles])
    return [not has for has in have]


def _warn_without_values(session: tf.compat.v1.Session, outputs: Sequence[tf.Tensor], prefix: str) -> None:
    """Warn of variables that the outputs need and neither the checkpoint nor an initializer gives."""
    handles = [op.outputs[0] for op in ancestors(outputs, set()) if op.type in VARIABLES]
    names = [f'"{t.op.name}"' for t, lacks in zip(handles, _without_values(session, handles)) if lacks]
    if names:
        more = f' and {len(names) - 5} more' if len(names) > 5 else ''
        warn(f'from_checkpoint: the checkpoint at {prefix!r} does not hold all variables. Without a value: '
             f'{", ".join(names[:5])}{more}. Nothing that needs them can be explained: give them one in '
             'de.session', SourceWarning)


def _path(given: Any) -> str:
    """The path as a string. Raises SourceError, with what is close, where no checkpoint is there."""
    try:
        return path_of(given, 'from_checkpoint', CHECKPOINT)
    except SourceError as error:
        near = _there_are(os.fspath(given), '.index', 'Checkpoints') if isinstance(
            given, (str, os.PathLike)) and isinstance(os.fspath(given), str) else ''
        raise SourceError(f'{error}.{near}' if near else str(error)) from None


def _latest(path: str) -> str:
    """The latest checkpoint in a folder, by its file `checkpoint`, which may hold the path of another
    machine."""
    folder = path if os.path.isdir(path) else os.path.dirname(path)
    state = attempt(lambda: v1.train.get_checkpoint_state(folder),
                    f'from_checkpoint cannot read the file "checkpoint" in {folder!r}')
    if state is None or not state.model_checkpoint_path:
        raise SourceError(f'from_checkpoint: the file "checkpoint" in {folder!r} names no checkpoint. Give '
                          'the path of one')
    moved = os.path.join(folder, os.path.basename(state.model_checkpoint_path))
    return moved if not _missing(moved) else state.model_checkpoint_path


def _missing(prefix: str) -> list[str]:
    """What a checkpoint lacks: its index, its data, or nothing."""
    folder, name = os.path.split(prefix)
    found = os.listdir(folder or '.') if os.path.isdir(folder or '.') else []
    if name in found or any(re.match(re.escape(name) + r'-\d+-of-\d+$', file) for file in found):
        return []                       # the first version of checkpoints
    has_data = any(file.startswith(f'{name}.data-') for file in found)
    return ([] if f'{name}.index' in found else [f'{name}.index']) + (
        [] if has_data else [f'{name}.data-00000-of-00001'])


def _there_are(prefix: str, ending: str, what: str) -> str:
    """What there is in the folder, as a sentence after another; empty if there is nothing."""
    folder = prefix if os.path.isdir(prefix) else os.path.dirname(prefix) or '.'
    found = sorted(name for name in os.listdir(folder) if name.endswith(ending)) if os.path.isdir(
        folder) else []
    names = ', '.join(name.removesuffix('.index') for name in found[:10])
    return f' {what} in {folder!r}: {names}.' if found else ''


def _check_shapes(graph: tf.Graph, shapes: Mapping[str, Sequence[int]], prefix: str) -> None:
    """Raise SourceError where a weight has another shape than its variable, which TensorFlow would take."""
    for op in graph.get_operations():
        names = tf.get_static_value(op.inputs[1]) if op.type == 'RestoreV2' else None
        slices = tf.get_static_value(op.inputs[2]) if names is not None else ()
        for name, part, value in zip(() if names is None else names, slices, op.outputs):
            while value.consumers() and value.consumers()[0].type == 'Identity':
                value = value.consumers()[0].outputs[0]
            key = tf.compat.as_str(name)
            for user in value.consumers():
                variable = user.inputs[0].op
                expected = tf.TensorShape(variable.get_attr('shape')) if variable.type in VARIABLES else None
                if expected is not None and not part and key in shapes and not expected.is_compatible_with(
                        shapes[key]):
                    raise SourceError(f'from_checkpoint: the weights at {prefix!r} do not fit the graph: '
                                      f'{key!r} has shape {tuple(shapes[key])}, and the variable '
                                      f'"{variable.name}" {expected}')


def _read(path: str) -> Any:
    """The MetaGraphDef in a binary or text file."""
    with open(path, 'rb') as file:
        content = file.read()
    meta = v1.MetaGraphDef()
    try:
        meta.ParseFromString(content)
    except DecodeError:
        meta.Clear()
        try:
            text_format.Parse(content.decode(), meta)
        except (UnicodeDecodeError, text_format.ParseError):
            meta.Clear()
    if not meta.graph_def.node:
        raise SourceError(f'from_checkpoint: {path!r} is not a MetaGraphDef with a graph. The file is '
                          'damaged, or of another kind')
    return meta


def _imported(meta: Any) -> tuple[tf.Graph, Any]:
    """(graph, saver) of a MetaGraphDef; no saver for a graph without variables."""
    custom_gradients.drop(meta.graph_def, kept=True)
    while True:
        graph = tf.Graph()
        try:
            with graph.as_default():
                return graph, v1.train.import_meta_graph(meta, clear_devices=True)
        except ValueError as error:         # shapes that another version of TensorFlow wrote
            wrong = WRONG_SHAPES.search(str(error))
            if wrong is None or not _drop_shapes(meta.graph_def, wrong[1]):
                raise


def _drop_shapes(graph_def: Any, name: str) -> bool:
    """Drop the attribute _output_shapes of all nodes of the type that a node has; whether there was any."""
    kind = next((node.op for node in graph_def.node if node.name == name), None)
    nodes = [node for node in graph_def.node if node.op == kind and '_output_shapes' in node.attr]
    for node in nodes:
        del node.attr['_output_shapes']
    return bool(nodes)
