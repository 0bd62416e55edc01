"""StopGradient between X and T: which ones take nothing away."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np
import tensorflow as tf

from ..op_types import SHAPE_ONLY
from .context import Context

_SHAPING = {'Identity', 'Reshape', 'Squeeze', 'ExpandDims'}
_FINITE = {'Select', 'SelectV2'}            # the maximum where it is finite
_FLOATS = {t.as_datatype_enum for t in (tf.float16, tf.bfloat16, tf.float32, tf.float64)}


class _Nodes:
    """Nodes by name, and what takes what."""

    def __init__(self, nodes: Iterable[tf.compat.v1.NodeDef], constants: Mapping[str, tf.compat.v1.NodeDef]):
        self.by_name, self._constants = {n.name: n for n in nodes}, constants
        self.stops = [n for n in self.by_name.values() if n.op == 'StopGradient']
        self._users: dict[str, list[tuple[tf.compat.v1.NodeDef, int]]] | None = None

    @property
    def users(self) -> dict[str, list[tuple[tf.compat.v1.NodeDef, int]]]:
        if self._users is None:
            self._users = defaultdict(list)
            for node in self.by_name.values():
                for k, i in enumerate(node.input):
                    if not i.startswith('^'):
                        self._users[_node(i)].append((node, k))
        return self._users

    def after(self, node: tf.compat.v1.NodeDef) -> list[tuple[tf.compat.v1.NodeDef, int]]:
        """The (node, position) that take the first output of a node, possibly in another shape."""
        found, stack = [], list(self.users[node.name])
        while stack:
            user, k = stack.pop()
            if _shapes(user) and k == 0:
                stack += self.users[user.name]
            elif user.op not in SHAPE_ONLY:
                found.append((user, k))
        return found

    def before(self, tensor: str, finite: bool = False) -> str:
        """The tensor that another one is, its shape aside. finite: a choice of what is finite aside as
        well."""
        node = self.node(tensor)
        while node is not None and (_shapes(node) or (finite and node.op in _FINITE)):
            tensor = node.input[1 if node.op in _FINITE else 0]
            node = self.node(tensor)
        return tensor.removesuffix(':0')

    def node(self, tensor: str) -> tf.compat.v1.NodeDef | None:
        return self._constants.get(tensor if ':' in tensor
                                   else f'{tensor}:0') or self.by_name.get(_node(tensor))

    def origin(self, tensor: str) -> tf.compat.v1.NodeDef | None:
        """The node that a tensor comes from, its shape aside."""
        return self.node(self.before(tensor))

    def harmless(self, stop: tf.compat.v1.NodeDef) -> bool:
        source = self.node(self.before(stop.input[0], finite=True))
        if source is None or source.op not in ('Max', 'Mean'):
            return False
        z = self.before(source.input[0])
        return self._variance(stop, z, source) if source.op == 'Mean' else self._shift(stop, z, source)

    def _variance(self, stop, z: str, mean) -> bool:
        """mean((z - stop(mean z))^2), over the axes of the first mean: its derivative by the mean is the mean
        of z - mean z, which is 0."""
        def is_square(node):
            exponent = self.origin(node.input[1]) if node.op == 'Pow' else None
            return node.op == 'Square' or (node.op == 'Mul'
                                           and self.before(node.input[0]) == self.before(node.input[1])) or (
                exponent is not None and exponent.op == 'Const' and bool(
                    np.all(tf.make_ndarray(exponent.attr['value'].tensor) == 2)))
        squares = []
        for user, k in self.after(stop):
            if user.op == 'SquaredDifference' and self.before(user.input[1 - k]) == z:
                squares.append(user)
            elif user.op == 'Sub' and k == 1 and self.before(user.input[0]) == z \
                    and all(is_square(n) for n, _ in self.after(user)):
                squares += [n for n, _ in self.after(user)]
            else:
                return False
        taken = [self.after(square) for square in squares]
        averaged = [n.op in ('Mean', 'Sum') and k == 0 and self._same_axes(n, mean) for users in taken for n,
                    k in users]
        return bool(taken) and all(taken) and all(averaged)

    def _shift(self, stop, z: str, largest) -> bool:
        """exp(z - m), m = stop(max z), where the factor exp(-m) is divided out again, or taken out by a
        logarithm to which m is added."""
        plus: dict[str, str] = {}               # names of the sums with m, what is added to
        logarithms: set[str] = set()
        differences = []
        for user, k in self.after(stop):
            if user.op in ('Add', 'AddV2'):
                plus[user.name] = _node(self.before(user.input[1 - k]))
            elif user.op == 'Sub' and k == 1 and self.before(user.input[0]) == z:
                differences.append(user)
            else:
                return False
        for difference in differences:
            users = [n for n, _ in self.after(difference)]
            exponentials = [n for n in users if n.op == 'Exp']
            if not exponentials or not all(n.op == 'Exp' or self._is_log_softmax(n, difference)
                                           for n in users):
                return False
            if not all(self._divided_out(n, stop, largest, logarithms) for n in exponentials):
                return False
        for name in logarithms:                 # + m, or (z - m) - log
            users = [n for n, _ in self.after(self.by_name[name])]
            if not users or not all(n.name in plus or self._is_log_softmax(n, self.origin(n.input[0]))
                                    for n in users):
                return False
        return bool(differences) and set(plus.values()) <= logarithms

    def _divided_out(self, node, stop, largest, logarithms: set[str]) -> bool:
        """Whether all that takes a node with the factor exp(-m) divides it out or takes its logarithm; the
        logarithms are added to a set."""
        for user, k in (users := self.after(node)):
            if user.op in ('Sum', 'Mean'):
                fine = k == 0 and self._same_axes(user, largest) and self._divided_out(user, stop, largest,
                                                                                       logarithms)
            elif user.op == 'Log':
                logarithms.add(user.name)
                fine = True
            elif user.op in ('RealDiv', 'DivNoNan') and self._has_factor(user.input[1 - k], stop):
                fine = True
            else:
                fine = (user.op == 'Mul' or (user.op in ('RealDiv', 'DivNoNan')
                                             and k == 0)) and not self._has_factor(user.input[1 - k], stop) \
                    and self._divided_out(user, stop, largest, logarithms)
            if not fine:
                return False
        return bool(users)

    def _has_factor(self, tensor: str, stop) -> bool:
        """Whether a tensor is exp(z - m), or a sum or a multiple of it."""
        node = self.origin(tensor)
        if node is None:
            return False
        if node.op == 'Mul':
            return self._has_factor(node.input[0], stop) != self._has_factor(node.input[1], stop)
        if node.op in ('Sum', 'Mean'):
            return self._has_factor(node.input[0], stop)
        difference = self.origin(node.input[0]) if node.op == 'Exp' else None
        return (difference is not None and difference.op == 'Sub'
                and _node(self.before(difference.input[1])) == stop.name)

    def _is_log_softmax(self, node, difference) -> bool:
        """Whether a node is d - log sum exp d of a difference d."""
        if node.op != 'Sub' or difference is None or _node(self.before(node.input[0])) != difference.name:
            return False
        inner = node.input[1]
        for op in 'Log', 'Sum', 'Exp':
            found = self.origin(inner)
            if found is None or found.op != op:
                return False
            inner = found.input[0]
        return _node(self.before(inner)) == difference.name

    def _same_axes(self, a, b) -> bool:
        x, y = self.origin(a.input[1]), self.origin(b.input[1])
        if x is None or y is None:
            return a.input[1] == b.input[1]
        return x.name == y.name or (x.op == y.op == 'Const' and x.attr['value'] == y.attr['value'])


def harmless(nodes: Iterable[tf.compat.v1.NodeDef],
             constants: Mapping[str, tf.compat.v1.NodeDef]) -> set[str]:
    """Names of the StopGradient nodes that stand where what they stop adds up to nothing, in value and in
    gradient: the shift by the maximum in tf.reduce_logsumexp and in softmax and log-softmax by hand, and the
        mean in the variance of tf.nn.moments. The whole pattern is looked at.

    constants: names of tensors from outside -> the Const that each is, for the axes of a sum.
    """
    found = _Nodes(nodes, constants)
    return {stop.name for stop in found.stops if found.harmless(stop)}


def open_stops(graph_def: tf.compat.v1.GraphDef, context: Context) -> None:
    """Let relevance that compares values through harmless stops: a difference of maxima does count there."""
    for nodes in graph_def.node, *(f.node_def for f in graph_def.library.function):
        found = harmless(nodes, context.constants)
        for node in nodes:
            if node.name in found:
                node.op = 'Identity'


def _shapes(node: tf.compat.v1.NodeDef) -> bool:
    """Whether a node gives its first input in another shape or precision."""
    return node.op in _SHAPING or (node.op == 'Cast' and {node.attr['SrcT'].type,
                                                          node.attr['DstT'].type} <= _FLOATS)


def _node(tensor: str) -> str:
    return tensor.lstrip('^').split(':')[0]
