"""Writes of variables, and reads after them, in a graph that is to be frozen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from ..errors import SourceError
from ..graph.functions import called_functions
from ..graph.op_types import WRITES
from .node_walks import downstream, node_name, takers, upstream, variables_taken
from .strings import LOOKUP_LAYERS, STRING_INPUT


def drop_writes(graph_def: tf.compat.v1.GraphDef, wanted: Sequence[str], named: Sequence[str],
                tables: Sequence[str], way: str) -> tuple[set[str], set[str]]:
    """Remove from a graph all that the wanted tensors do not need once nothing waits for writes of variables
    and for lookups in tables.

    Parameters
    ----------
    graph_def : GraphDef
        The graph, changed in place.
    wanted : list of str
        Tensors that must stay.
    named : list of str
        Tensors that stay where they need no write, no late read, no string and no table.
    tables : list of str
        Nodes of resources without a value.
    way : str
        Name of the constructor, for messages.

    Returns
    -------
    written : set of str
        The variables that the graph wrote.
    kept : set of str
        The `named` tensors that stay.

    Raises
    ------
    SourceError
        If a wanted tensor needs a write, a read that comes after a write, or a string input.
    """
    nodes = {node.name: node for node in graph_def.node}
    writing = _writing_nodes(graph_def)
    written = set().union(*(variables_taken(name, nodes) for name in writing))
    late = _late_reads(nodes, writing)
    not_waited_for = writing | {*tables} | takers(tables, nodes)
    for node in graph_def.node:
        inputs = [i for i in node.input if not (i.startswith('^') and i[1:] in not_waited_for)]
        del node.input[:]
        node.input.extend(inputs)
    needed = upstream([node_name(name) for name in wanted], nodes)
    for name in sorted(needed & writing):
        raise SourceError(f'{way} cannot freeze the model: its outputs depend on "{name}" '
                          f'({nodes[name].op}), which writes variables. Only variables that are written '
                          'outside of loops and conditionals can be kept as they are')
    for name in sorted(needed & late.keys()):
        raise SourceError(f'{way} cannot freeze the model: it writes a variable ("{late[name]}") and then '
                          f'reads it ("{name}"), so that there is no one value to keep')
    strings = {name for name in nodes if name.startswith(STRING_INPUT) and nodes[name].op == 'Placeholder'}
    if needed & strings:
        raise SourceError(f'an output of the model depends on strings other than through string and lookup '
                          f'layers ({", ".join(LOOKUP_LAYERS)}). Give {way} the part of the model that takes '
                          'numbers')
    lost = downstream(writing | late.keys() | strings | {*tables}, nodes)
    kept = {name for name in named if node_name(name) not in lost}
    needed |= upstream([node_name(name) for name in kept], nodes)
    remaining = [node for node in graph_def.node if node.name in needed]
    del graph_def.node[:]
    graph_def.node.extend(remaining)
    return written, kept


def _writing_nodes(graph_def: tf.compat.v1.GraphDef) -> set[str]:
    """Names of the nodes that write variables, themselves or in the functions that they call."""
    functions = {f.signature.name: f for f in graph_def.library.function}
    known: dict[str, bool] = {}

    def function_writes(name):
        if name not in known:
            known[name] = False                         # during the walk: a function may call itself
            known[name] = name in functions and any(map(writes, functions[name].node_def))
        return known[name]

    def writes(node):
        return bool(WRITES.match(node.op)) or any(map(function_writes, called_functions(node)))
    return {node.name for node in graph_def.node if writes(node)}


def _late_reads(nodes: Mapping[str, Any], writing: set[str]) -> dict[str, str]:
    """By node that takes a variable after a write of it: the node that writes it."""
    writes = {name: variables_taken(name, nodes) for name in writing}
    written = set().union(*writes.values())
    late: dict[str, str] = {}
    for name in nodes.keys() - writing if written else ():
        read = variables_taken(name, nodes) & written
        for write in sorted(upstream([name], nodes) & writing) if read else ():
            if writes[write] & read:
                late[name] = write
    return late
