"""StopGradient between X and T: which ones take nothing away."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import tensorflow as tf

_THROUGH = {'Select', 'SelectV2', 'Identity', 'Reshape', 'Squeeze', 'ExpandDims'}


def harmless(nodes: Iterable[tf.compat.v1.NodeDef]) -> set[str]:
    """Names of the StopGradient nodes that stand where what they stop adds up to nothing: the shift by the maximum in tf.reduce_logsumexp,
    and the mean in the variance of tf.nn.moments. T does not change with either, so that the derivative is right without them."""
    by_name = {n.name: n for n in nodes}
    users = defaultdict(list)
    for node in by_name.values():
        for i in node.input:
            users[_node(i)].append(node)

    def stops_nothing(stop):
        source = by_name.get(_node(stop.input[0]))
        while source is not None and source.op in _THROUGH and source.input:
            source = by_name.get(_node(source.input[1 if source.op.startswith('Select') else 0]))
        if source is None or source.op not in ('Max', 'Mean'):
            return False
        return all((user.op in ('Sub', 'SquaredDifference') and _same(user.input[0], source.input[0]))
                   or (source.op == 'Max' and user.op in ('Add', 'AddV2', 'Reshape', 'Squeeze')) for user in users[stop.name])
    return {n.name for n in by_name.values() if n.op == 'StopGradient' and stops_nothing(n)}


def open_stops(graph_def: tf.compat.v1.GraphDef) -> None:
    """Let relevance that compares values through harmless stops: a difference of maxima does count there."""
    for nodes in graph_def.node, *(f.node_def for f in graph_def.library.function):
        found = harmless(nodes)
        for node in nodes:
            if node.name in found:
                node.op = 'Identity'


def _node(tensor: str) -> str:
    return tensor.lstrip('^').split(':')[0]


def _same(a: str, b: str) -> bool:
    return a.removesuffix(':0') == b.removesuffix(':0')
