"""Decisions that depend on X - comparisons that choose by Select, or become numbers by Cast - as ops that
carry relevance.

A condition is a boolean: no gradient flows through it, and what a changed decision adds to T would be lost to
rules that compare x with a reference. Every condition gets an indicator, a number 0 or 1 with the same value:
[u > v] becomes IdentityN([0 or 1], u, v) with the rule `step`, not, and, or, any and all become arithmetic,
and y = Select(c, a, b) becomes IdentityN(y, indicator of c) with the rule `choice`. No value changes.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from ..op_types import SHAPE_ONLY
from .context import Context

MARK = '_deepexplain2'
# what the mark holds
STEP, CHOICE, SELECT, VALUE = (f'deepexplain2.{what}' for what in ('step', 'choice', 'select', 'value'))
COMPARISONS = {'Greater', 'GreaterEqual', 'Less', 'LessEqual', 'Equal', 'NotEqual'}
SHAPING = {'Identity': 'output', 'Reshape': 'output', 'ExpandDims': 'output', 'Squeeze': 'output',
           'Transpose': 'y', 'StridedSlice': 'output',
           'Slice': 'output', 'BroadcastTo': 'output', 'Tile': 'output', 'GatherV2': 'output'}
_FLOATS = {t.as_datatype_enum for t in (tf.float16, tf.bfloat16, tf.float32, tf.float64)}
_BOOL = tf.bool.as_datatype_enum


def kind(node: tf.compat.v1.NodeDef) -> str:
    """What rules are looked up by: the type of an op, or what a mark says."""
    return node.attr[MARK].s.decode() if MARK in node.attr else node.op


def kind_of(op: tf.Operation) -> str:
    """The same of an op; looks only where a mark can be, as to read the attributes of an op takes long."""
    return kind(op.node_def) if op.type in ('IdentityN', 'Select', 'SelectV2', 'Cast') else op.type


def open_decisions(graph_def: tf.compat.v1.GraphDef, context: Context) -> None:
    """Give indicators to the decisions in the nodes of a path and in its functions."""
    xs, varying = context.inputs, set()
    for node in graph_def.node:             # inputs before users
        if node.op not in SHAPE_ONLY and any(i in xs or i.split(':')[0] in varying for i in node.input):
            varying.add(node.name)
    _Nodes(graph_def.node, lambda node, output, k: f'{node}:{k}', lambda i: i in xs
           or i.split(':')[0] in varying).rewrite()
    for function in graph_def.library.function:
        _Nodes(function.node_def, lambda node, output, k: f'{node}:{output}:{k}', lambda i: True).rewrite()


class _Nodes:
    def __init__(self, nodes, tensor: Callable[[str, str, int], str], varies: Callable[[str], bool]):
        self._nodes, self._tensor, self._varies = nodes, tensor, varies
        self._by_name = {n.name: n for n in nodes}
        self._indicators: dict[tuple[str, int], str | None] = {}

    def rewrite(self) -> None:
        for node in list(self._nodes):
            if node.op in ('Select', 'SelectV2') and node.attr['T'].type in _FLOATS \
                    and self._varies(node.input[0]):
                self._choice(node, node.attr['T'].type)
            elif node.op == 'Cast' and node.attr['DstT'].type in _FLOATS and self._varies(node.input[0]):
                condition = self._condition(node)
                indicator = condition and self._indicator(condition, node.attr['DstT'].type)
                if indicator:                    # a cast to the type that the indicator has already
                    node.attr['SrcT'].type = node.attr['DstT'].type
                    node.input[0] = indicator

    def _condition(self, cast) -> str | None:
        """The condition that a Cast makes a number of, directly or by way of an integer."""
        if cast.attr['SrcT'].type == _BOOL:
            return cast.input[0]
        inner = self._by_name.get(cast.input[0].split(':')[0])
        return (inner.input[0] if inner is not None and inner.op == 'Cast'
                and inner.attr['SrcT'].type == _BOOL else None)

    def _choice(self, node, dtype: int) -> None:
        indicator = self._indicator(node.input[0], dtype)
        if indicator is None:
            return
        inner = self._add(node.op, f'{node.name}/chosen', node.input)
        for attribute, value in node.attr.items():
            inner.attr[attribute].CopyFrom(value)
        inner.attr[MARK].s = SELECT.encode()
        # under the name of the Select, so that what takes its output takes this
        node.op = 'IdentityN'
        node.input[:] = [self._tensor(inner.name, 'output', 0), indicator]
        node.attr['T'].list.type.extend([dtype, dtype])
        node.attr[MARK].s = CHOICE.encode()

    def _indicator(self, condition: str, dtype: int) -> str | None:
        """The name of a tensor of `dtype` that is 1 where the condition holds and 0 elsewhere; None where its
        origin is not understood."""
        key = condition, dtype
        if key not in self._indicators:
            self._indicators[key] = self._make(condition, dtype)
        return self._indicators[key]

    def _make(self, condition: str, dtype: int) -> str | None:
        node = self._by_name.get(condition.split(':')[0])
        if not self._varies(condition) or (node is not None and node.op == 'Const'):
            return self._cast(condition, _BOOL, dtype)
        if node is None:
            return None
        name = f'{node.name}/indicator_{dtype}'
        if node.op in ('Equal', 'NotEqual') and node.attr['T'].type == _BOOL:
            a, b = (self._indicator(i, dtype) for i in node.input)
            same = self._chosen(a, b, None, name, dtype)
            return same if node.op == 'Equal' else self._not(same, name, dtype)
        if node.op in COMPARISONS or (node.op == 'Cast' and node.attr['SrcT'].type in _FLOATS):
            compared = node.attr['SrcT' if node.op == 'Cast' else 'T'].type
            if compared not in _FLOATS:
                return None
            both = list(node.input)
            if node.op == 'Cast':           # to a boolean: is not 0
                zero = self._add('ZerosLike', f'{name}/zero', both)
                zero.attr['T'].type = compared
                both.append(self._tensor(zero.name, 'y', 0))
            value = self._cast(condition, _BOOL, compared)
            self._by_name[value.split(':')[0]].attr[MARK].s = VALUE.encode()
            step = self._add('IdentityN', f'{name}/step', [value, *both])
            step.attr['T'].list.type.extend([compared] * 3)
            step.attr[MARK].s = STEP.encode()
            result = self._tensor(step.name, 'output', 0)
            return result if compared == dtype else self._cast(result, compared, dtype)
        if node.op == 'LogicalNot':
            return self._not(self._indicator(node.input[0], dtype), name, dtype)
        if node.op in ('LogicalAnd', 'LogicalOr'):
            a, b = (self._indicator(i, dtype) for i in node.input)
            if a is None or b is None:
                return None
            if node.op == 'LogicalAnd':
                return self._arithmetic('Mul', f'{name}/and', [a, b], dtype)
            a, b = self._not(a, f'{name}/a', dtype), self._not(b, f'{name}/b', dtype)
            return self._not(self._arithmetic('Mul', f'{name}/or', [a, b], dtype), name, dtype)
        if node.op == 'SelectV2':
            c, a, b = (self._indicator(i, dtype) for i in node.input)
            return None if b is None else self._chosen(c, a, b, name, dtype)
        if node.op in ('Any', 'All', 'Pack', 'ConcatV2') or node.op in SHAPING:
            count = node.attr['N'].i if 'N' in node.attr else 1
            indicators = [self._indicator(i, dtype) for i in node.input[:count]]
            if None in indicators:
                return None
            new = self._add(node.op, f'{name}/{node.op}', [*indicators, *node.input[count:]])
            for attribute, value in node.attr.items():
                if not attribute.startswith('_'):
                    new.attr[attribute].CopyFrom(value)
            new.op = {'Any': 'Max', 'All': 'Min'}.get(node.op, node.op)
            new.attr['Tparams' if node.op == 'GatherV2' else 'T'].type = dtype
            return self._tensor(new.name, SHAPING.get(node.op, 'output'), 0)
        return None

    def _chosen(self, c: str | None, a: str | None, b: str | None, name: str, dtype: int) -> str | None:
        """c a + (1 - c) b; without b: c a + (1 - c)(1 - a), whether the two are the same."""
        b = b or self._not(a, f'{name}/b', dtype)
        if c is None or a is None or b is None:
            return None
        first = self._arithmetic('Mul', f'{name}/first', [c, a], dtype)
        other = self._not(c, f'{name}/other', dtype)
        second = self._arithmetic('Mul', f'{name}/second', [other, b], dtype)
        return self._arithmetic('AddV2', f'{name}/chosen', [first, second], dtype)

    def _not(self, indicator: str | None, name: str, dtype: int) -> str | None:
        if indicator is None:
            return None
        one = self._add('Const', f'{name}/one', [])
        one.attr['dtype'].type = dtype
        one.attr['value'].tensor.CopyFrom(tf.make_tensor_proto(1, dtype))
        return self._arithmetic('Sub', f'{name}/not', [self._tensor(one.name, 'output', 0), indicator], dtype)

    def _arithmetic(self, op: str, name: str, inputs, dtype: int) -> str:
        node = self._add(op, name, inputs)
        node.attr['T'].type = dtype
        return self._tensor(node.name, 'z', 0)

    def _cast(self, tensor: str, source: int, dtype: int) -> str:
        node = self._add('Cast', f'{tensor.replace(":", "_").replace(" ", "_")}/number_{dtype}', [tensor])
        node.attr['SrcT'].type, node.attr['DstT'].type = source, dtype
        return self._tensor(node.name, 'y', 0)

    def _add(self, op: str, name: str, inputs) -> tf.compat.v1.NodeDef:
        while name in self._by_name:
            name += '_'
        node = self._nodes.add(op=op, name=name, input=inputs)
        self._by_name[name] = node
        return node
