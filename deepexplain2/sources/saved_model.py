"""A SavedModel as a graph."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import tensorflow as tf
from tensorflow.python.saved_model import load_v1_in_v2
from tensorflow.python.saved_model.loader_impl import parse_saved_model

from ..errors import SourceError, shown
from ..graph.functions import called_functions, function_library
from ..kinds import KERAS_FOLDER, SAVED_MODEL, path_of
from .concrete_function import from_concrete_function
from .guards import attempt, require_eager
from .source import Source


def from_saved_model(path: str | os.PathLike, signature: str) -> Source:
    """One signature of a SavedModel of TensorFlow 2, Keras or TensorFlow 1.

    Parameters
    ----------
    path : str or path
        The folder that holds saved_model.pb.
    signature : str
        Name of the signature.

    Raises
    ------
    SourceError
        If there is no SavedModel at `path`, if it cannot be loaded or frozen, or if it has no such signature;
        the message lists the signatures that it has.
    """
    require_eager('from_saved_model')
    path = path_of(path, 'from_saved_model', SAVED_MODEL, KERAS_FOLDER)
    failure = f'from_saved_model cannot load {path!r}'
    graphs = attempt(lambda: parse_saved_model(path), failure).meta_graphs
    known = sorted({name for g in graphs for name in g.signature_def if not name.startswith('__')})
    if not isinstance(signature, str) or signature not in known:
        raise SourceError(f'the SavedModel at {path!r} has no signature {shown(signature)}. It has: '
                          + (', '.join(known) or 'none'))
    graph = min((g for g in graphs if signature in g.signature_def),
                key=lambda g: [tag for tag in g.meta_info_def.tags if tag != 'serve'])
    loaded = attempt(lambda: _loaded(path, graph), failure)
    concrete = loaded.signatures[signature]
    return _in_order(from_concrete_function(concrete, 'from_saved_model'), concrete)


def _loaded(path: str, graph: Any) -> Any:
    """The objects of a SavedModel, or its graph alone where it has no objects, or some that cannot be made
    again."""
    def as_graph():
        return load_v1_in_v2.load(path, list(graph.meta_info_def.tags))
    if not graph.HasField('object_graph_def'):
        return as_graph()
    try:
        return tf.saved_model.load(path)
    except Exception as error:
        try:
            return as_graph()
        except Exception:
            raise error from None


def _in_order(source: Source, concrete: Any) -> Source:
    """The source with its inputs in the order in which the function of the signature takes them."""
    captured = {t.name for t in concrete.graph.internal_captures}
    given = [t.op.name for t in concrete.inputs if t.name not in captured]
    functions = function_library(concrete.graph)
    taken = next(_calls([op.node_def for op in concrete.graph.get_operations()], given, functions), given)
    order = [given.index(name) for name in taken]
    inputs = [source.inputs[k] for k in order]
    place = {id(t): k for k, t in enumerate(inputs)}
    original = source.original
    assert original is not None
    return replace(source, inputs=inputs, specs=[source.specs[k] for k in order],
                   input_names=sorted(source.input_names, key=lambda pair: place[id(pair[1])]),
                   original=lambda *x: original(*(x[order.index(k)] for k in range(len(x)))))


def _calls(nodes: list[Any], names: list[str], functions: dict[str, Any]) -> Iterator[list[str]]:
    """The names in the order in which a function takes them that is called with all of them. TensorFlow
    writes a function around that of a signature, which takes them sorted; it is looked into."""
    for node in nodes:
        called = [functions[name] for name in called_functions(node) if name in functions]
        taken = [i.split(':')[0] for i in node.input]
        taken = [name for name in taken if name in names]
        if len(called) == 1 and sorted(taken) == sorted(names):
            if 'signature_wrapper' not in called[0].signature.name:
                yield taken
                return
            arguments = [a.name for a in called[0].signature.input_arg]
            given = {arguments[k]: name for k, i in enumerate(node.input)
                     if (name := i.split(':')[0]) in names}
            inner = next(_calls(called[0].node_def, list(given), functions), None)
            yield [given[a] for a in inner] if inner else taken
