"""A frozen GraphDef as a graph."""

from __future__ import annotations

import contextlib
import os
from typing import Any

import tensorflow as tf
from google.protobuf import text_format
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from ..errors import SourceError
from ..graph.walks import user_placeholders
from ..kinds import GRAPH, OTHER, path_of, way_in
from .freezing import imported_graph
from .guards import attempt
from .node_walks import VARIABLES
from .source import Source
from .terminals import terminal_outputs


def from_graph_def(graph_def: Any) -> Source:
    """A frozen GraphDef. Its inputs are its placeholders, its outputs the tensors that no op takes.

    Parameters
    ----------
    graph_def : GraphDef, str or path
        The proto, which is copied, or the path of a binary or text file.

    Raises
    ------
    SourceError
        If it is no GraphDef, is empty, has variables or no placeholders, or cannot be imported.
    """
    if isinstance(graph_def, tf.compat.v1.GraphDef):
        frozen = tf.compat.v1.GraphDef()
        frozen.CopyFrom(graph_def)
    elif isinstance(graph_def, (str, os.PathLike)):
        frozen = _read(path_of(graph_def, 'from_graph_def', GRAPH, OTHER))
    else:
        raise SourceError(f'from_graph_def takes a GraphDef or the path of one, not '
                          f'{type(graph_def).__name__}{way_in(graph_def)}')
    if not frozen.node:
        raise SourceError('from_graph_def: the GraphDef is empty, without a single node')
    variables = [node.name for node in frozen.node if node.op in VARIABLES]
    if variables:
        raise SourceError(
            f'the graph is not frozen: it has {len(variables)} variables, e.g. "{variables[0]}", without '
            'values. Freeze it with tf.compat.v1.graph_util.convert_variables_to_constants, or use '
            'DeepExplain(session)')
    graph = attempt(lambda: imported_graph(frozen), 'from_graph_def cannot import the GraphDef')
    inputs = user_placeholders(graph)
    if not inputs:
        raise SourceError(f'from_graph_def: the graph has no placeholders, so nothing to explain, among its '
                          f'{len(frozen.node)} nodes')
    return Source(graph, inputs, terminal_outputs(graph, inputs))


def _read(path: str) -> tf.compat.v1.GraphDef:
    """The GraphDef in a binary or text file."""
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
    if graph_def.node and all(node.op for node in graph_def.node):
        return graph_def
    saved, meta = SavedModel(), tf.compat.v1.MetaGraphDef()     # the formats that are taken for it most often
    with contextlib.suppress(DecodeError):
        saved.ParseFromString(content)
    with contextlib.suppress(DecodeError):
        meta.ParseFromString(content)
    if any(m.graph_def.node for m in saved.meta_graphs):
        raise SourceError(f'{path!r} is not a GraphDef but a SavedModel. Call the file saved_model.pb, and '
                          'give from_saved_model its folder')
    if meta.graph_def.node:
        raise SourceError(f'{path!r} is not a GraphDef but a MetaGraphDef, without weights. Call it like its '
                          'checkpoint, with the ending .meta, and give from_checkpoint the path; or restore '
                          'it in a session, and use DeepExplain(session)')
    raise SourceError(f'{path!r} is not a GraphDef, neither binary nor text{problem}')
