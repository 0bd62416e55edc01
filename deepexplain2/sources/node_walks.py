"""Walks over the nodes of a GraphDef, by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow as tf

VARIABLES = {'VarHandleOp', 'Variable', 'VariableV2', 'AutoReloadVariable', 'TemporaryVariable'}


def node_name(tensor: str) -> str:
    """The node that a tensor name or a control input ('^name') belongs to."""
    return tensor.lstrip('^').split(':')[0]


def upstream(names: Iterable[str], nodes: Mapping[str, Any]) -> set[str]:
    """The named nodes and all nodes upstream of them, by control inputs too."""
    found, stack = set(names), list(names)
    while stack:
        fresh = {node_name(i) for i in nodes[stack.pop()].input} - found
        found |= fresh
        stack += fresh
    return found


def downstream(names: Iterable[str], nodes: Mapping[str, Any]) -> set[str]:
    """The named nodes and all nodes downstream of them, by control inputs too."""
    takers: dict[str, list[str]] = {}
    for node in nodes.values():
        for i in node.input:
            takers.setdefault(node_name(i), []).append(node.name)
    found, stack = set(names), list(names)
    while stack:
        fresh = set(takers.get(stack.pop(), ())) - found
        found |= fresh
        stack += fresh
    return found


def variables_taken(name: str, nodes: Mapping[str, Any]) -> set[str]:
    """The variables and other resources that a node takes, directly or through Identity ops."""
    found = set()
    for i in nodes[name].input:
        origin = nodes[node_name(i)]
        while origin.op == 'Identity':
            origin = nodes[node_name(origin.input[0])]
        is_resource = origin.attr['dtype'].type == tf.resource.as_datatype_enum
        if not i.startswith('^') and (origin.op in VARIABLES or is_resource):
            found.add(origin.name)
    return found


def takers(tables: Iterable[str], nodes: Mapping[str, Any]) -> set[str]:
    """The nodes that take a table, directly or through Identity ops."""
    found: set[str] = set()
    stack = list(tables)
    while stack:
        handle = stack.pop()
        fresh = {name for name, node in nodes.items() if name not in found
                 and any(node_name(i) == handle for i in node.input if not i.startswith('^'))}
        found |= fresh
        stack += [name for name in fresh if nodes[name].op == 'Identity']
    return found
