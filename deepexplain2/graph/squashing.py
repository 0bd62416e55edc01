"""The softmax or sigmoid that a tensor comes out of, and its logits, through whatever only moves or clips the
values on the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from .constants import constant_value
from .copies import detached
from .functions import function_library, functions_of, open_function
from .op_types import BRANCHES, FUNCTION_CALLS, LIBRARY_SCOPE, LOOPS
from .walks import ancestors

DEPTH = 60              # ops looked through: an unrolled recurrent network is a chain of sums and products
# StopGradient is not: a T cut on purpose stays cut
SAME = {'Identity', 'Snapshot', 'PreventGradient', 'CheckNumerics', 'EnsureShape'}
# Ops that give entries of one input, elsewhere or more often, and the position of that input.
MOVES = {'Reshape': 0, 'Transpose': 0, 'Squeeze': 0, 'ExpandDims': 0, 'Slice': 0, 'StridedSlice': 0,
         'Gather': 0, 'GatherV2': 0, 'GatherNd': 0,
         'Split': 1, 'SplitV': 0, 'Unpack': 0, 'Reverse': 0, 'ReverseV2': 0, 'Roll': 0, 'Tile': 0,
         'BroadcastTo': 0, 'ResizeNearestNeighbor': 0,
         'DepthToSpace': 0, 'SpaceToDepth': 0, 'BatchToSpaceND': 0, 'MatrixDiagPart': 0}
RESHAPED = {'Reshape', 'ExpandDims', 'Squeeze', 'Cast', 'BroadcastTo', 'Tile', 'Transpose', 'StridedSlice',
            'StopGradient'}
SUMS = {'Add', 'AddV2', 'Sub', 'AddN', 'Mul', 'RealDiv', 'Div', 'DivNoNan', 'Neg', 'Max', 'Min', 'Mean',
        'Sum', 'Prod', 'AvgPool', 'MaxPool',
        'ResizeBilinear', 'TopKV2'}
REDUCED = {'Max', 'Min', 'Mean', 'Sum', 'Prod', 'AvgPool', 'MaxPool', 'ResizeBilinear', 'TopKV2'}
PRODUCTS = {'MatMul', 'BatchMatMul', 'BatchMatMulV2', 'BatchMatMulV3', 'Einsum'}
WEIGHTS = {'Const', 'Fill', 'ReadVariableOp', 'VariableV2'}
CHOICES = {'Placeholder', 'OneHot'}         # weights where they are factors


@dataclass(frozen=True)
class Squashed:
    """kind: 'softmax', 'sigmoid', or 'log' of one of them. ops: what squashes. make: the logits in the layout
    of T, in the user's graph. adds: whether `make` adds ops to it."""
    kind: str
    ops: tuple[str, ...]
    make: Callable[[], tf.Tensor]
    adds: bool


@dataclass(frozen=True)
class Mixed:
    """Something made of probabilities that has no single logits. reason: what makes it. log: of
    log-probabilities only. harmless: a multiple of a single sigmoid, such as a regression to a range, which
    is no probability."""
    reason: str
    ops: tuple[str, ...]
    log: bool = False
    harmless: bool = False


Found = Squashed | Mixed | None


def squashing(target: tf.Tensor) -> Found:
    """What T is the output of: a softmax or sigmoid, built in or written by hand, a mixture of such, or
    neither. Adds nothing."""
    found = _Search().find(_Frame(target.graph).value(target))
    return None if isinstance(found, Mixed) and found.harmless else found


class _Frame:
    """The user's graph, or the body of a function that is called in it."""

    def __init__(self, graph: tf.Graph, call: tf.Operation | None = None, parent: _Frame | None = None,
                 function: str = '', first: int = 0):
        self.graph, self.call, self.parent = graph, call, parent
        self.outputs: list[tf.Tensor] = []
        self._arguments: dict[str, int] = {}
        self._opened: dict[tuple[str, str], _Frame] = {}
        if call is not None and parent is not None:
            root = parent
            while root.parent is not None:
                root = root.parent
            library = function_library(root.graph)
            definition = library[function]
            graph_def, flat = open_function(definition, library)
            graph_def.library.function.extend(library.values())
            for node in graph_def.node:
                node.attr.pop('_gradient_op_type', None)
                node.attr.pop('_class', None)
            with graph.as_default():
                tf.graph_util.import_graph_def(graph_def, name='')
            self._arguments = {f'{a.name}:0': first + k for k, a in enumerate(definition.signature.input_arg)}
            self.outputs = [graph.get_tensor_by_name(flat[definition.ret[o.name]])
                            for o in definition.signature.output_arg]

    def open(self, op: tf.Operation, function: str, first: int = 0) -> _Frame:
        if (op.name, function) not in self._opened:
            self._opened[op.name, function] = _Frame(tf.Graph(), op, self, function, first)
        return self._opened[op.name, function]

    def value(self, tensor: tf.Tensor) -> _Value:
        """A tensor, or where it comes from if ops and functions on the way only hand it on."""
        frame = self
        while True:
            op = tensor.op
            if op.type in SAME or op.type == 'IdentityN':
                tensor = op.inputs[tensor.value_index]
            elif op.type in FUNCTION_CALLS:
                frame = frame.open(op, op.get_attr('f').name)
                tensor = frame.outputs[tensor.value_index]
            elif tensor.name in frame._arguments and frame.call is not None and frame.parent is not None:
                tensor, frame = frame.call.inputs[frame._arguments[tensor.name]], frame.parent
            else:
                return _Value(frame, tensor)


@dataclass(frozen=True)
class _Value:
    frame: _Frame
    tensor: tf.Tensor

    @property
    def op(self) -> tf.Operation:
        return self.tensor.op

    @property
    def type(self) -> str:
        return self.op.type

    @property
    def inputs(self) -> list[_Value]:
        return [self.frame.value(i) for i in self.op.inputs]

    @property
    def key(self) -> tuple[int, str]:
        return id(self.frame), self.tensor.name

    @property
    def constant(self) -> np.ndarray | None:
        """The value, where it is written in the graph."""
        value = self
        while value.type == 'Cast':
            value = value.inputs[0]
        return constant_value(value.tensor) if value.type == 'Const' else None

    def equals(self, number: float) -> bool:
        value = self.constant
        return (value is not None and value.dtype != object
                and bool(np.all(np.asarray(value, np.float64) == number)))

    def behind(self, types: set[str]) -> _Value:
        """Where it comes from if ops of these types hand it on."""
        value = self
        while value.type in types:
            value = value.inputs[0]
        return value

    def here(self) -> tf.Tensor:
        """The tensor in the user's graph: of a function's body its ops again."""
        parent, call = self.frame.parent, self.frame.call
        if parent is None or call is None:
            return self.tensor
        ops = ancestors([self.tensor], set())
        used = {name: k for name, k in self.frame._arguments.items()
                if any(op.outputs and op.outputs[0].name == name for op in ops)}
        given = {name: _Value(parent, call.inputs[k]).here() for name, k in used.items()}
        nodes = detached(op for op in ops if f'{op.name}:0' not in used)
        return tf.graph_util.import_graph_def(nodes, name='', input_map=given,
                                              return_elements=[self.tensor.name])[0]


class _Search:
    """Walks from a tensor towards the inputs."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, str], Found] = {}

    def find(self, value: _Value, depth: int = 0) -> Found:
        if value.key not in self._known:
            self._known[value.key] = None           # while it is looked at
            self._known[value.key] = self._find(value, depth + 1) if depth < DEPTH else None
        return self._known[value.key]

    def _find(self, v: _Value, depth: int) -> Found:
        if v.type in ('Softmax', 'Sigmoid', 'LogSoftmax'):
            kind = 'log' if v.type == 'LogSoftmax' else v.type.lower()
            return _leaf(kind, v.type, v, v.inputs[0])
        written = _by_hand(v)
        if written is not None:
            return written
        if v.type in MOVES or (v.type == 'Cast' and v.op.inputs[0].dtype.is_floating):
            return self._moved(v, MOVES.get(v.type, 0), depth)
        if v.type in ('ConcatV2', 'Pack', 'Concat'):
            return self._joined(v, depth)
        if v.type in ('Exp', 'Log'):
            return self._other_scale(v, depth)
        passed = _passed(v)
        if passed is not None:
            return self.find(passed, depth)
        if v.type in PRODUCTS:
            found = [f for i in v.inputs for f in [self.find(i, depth)] if f]
            return _mixed('is a mixture of probabilities',
                          found) if len(found) == len(v.op.inputs) > 1 else None
        if v.type in SUMS:
            return self._sum(v, depth)
        return self._control_flow(v, depth)

    def _moved(self, v: _Value, position: int, depth: int) -> Found:
        found = self.find(v.inputs[position], depth)
        if isinstance(found, Squashed):
            return Squashed(found.kind, found.ops, lambda: _again(v, {position: found.make()}), True)
        return found

    def _joined(self, v: _Value, depth: int) -> Found:
        parts = [k for k, i in enumerate(v.op.inputs) if i.dtype.is_floating]
        found = {k: self.find(v.inputs[k], depth) for k in parts}
        squashed = {k: f for k, f in found.items() if isinstance(f, Squashed)}
        if len(squashed) == len(parts) and len({f.kind for f in squashed.values()}) == 1:
            first = squashed[parts[0]]
            ops = tuple(dict.fromkeys(op for f in squashed.values() for op in f.ops))
            return Squashed(first.kind, ops, lambda: _again(v, {k: f.make() for k, f in squashed.items()}),
                            True)
        some = [f for f in found.values() if f]
        return _mixed('joins probabilities with something else', some) if some else None

    def _other_scale(self, v: _Value, depth: int) -> Found:
        """Probabilities from log-probabilities, and back."""
        found = self.find(v.inputs[0], depth)
        if not isinstance(found, Squashed) or (found.kind == 'log') != (v.type == 'Exp'):
            return Mixed(found.reason, found.ops,
                         True) if isinstance(found, Mixed) and v.type == 'Log' and not found.harmless else None
        return Squashed('softmax' if v.type == 'Exp' else 'log', found.ops, found.make, found.adds)

    def _sum(self, v: _Value, depth: int) -> Found:
        """Sums, products and reductions: of nothing but probabilities and weights they are made of
        probabilities."""
        values = [v.inputs[0]] if v.type in REDUCED else v.inputs
        weights = WEIGHTS | CHOICES if v.type == 'Mul' else WEIGHTS
        others = [i for i in values if i.behind({'Cast', 'Reshape', 'ExpandDims'}).type not in weights]
        found = [f for i in others for f in [self.find(i, depth)] if f]
        if not found or len(found) < len(others):
            return None
        first = found[0]
        if len(found) == 1 and v.type not in REDUCED:
            if v.type == 'Sub' and values[0].equals(1) and isinstance(first, Squashed) and first.kind == 'sigmoid':
                return Squashed('sigmoid', first.ops, lambda: _negative(first.make()), True)
            if isinstance(first, Mixed):
                return first
            harmless = first.kind == 'sigmoid'
            return _mixed('is a multiple of probabilities or a choice among them', [first], harmless)
        what = {'Mul': 'is a product of probabilities',
                'Prod': 'is a product of probabilities'}.get(v.type, 'is an average, sum or choice of '
                                                                                                   'probabilities')
        return _mixed(what, found)

    def _control_flow(self, v: _Value, depth: int) -> Found:
        """A loop or conditional whose result is a probability: its logits are inside."""
        inner: list[_Value] = []
        if v.type in BRANCHES:
            for name in functions_of(v.op.node_def):
                frame = v.frame.open(v.op, name, 1)
                inner.append(frame.value(frame.outputs[v.tensor.value_index]))
        elif v.type in ('Merge', 'RefMerge') and v.tensor.value_index == 0 \
                and not any(i.op.type in ('NextIteration', 'RefNextIteration') for i in v.op.inputs):
            inner = v.inputs
        elif v.type == 'TensorListStack' and v.inputs[0].type in LOOPS:
            loop = v.inputs[0]
            frame = loop.frame.open(loop.op, functions_of(loop.op.node_def)[1])
            item = frame.value(frame.outputs[loop.tensor.value_index])
            inner = [item.inputs[2]] if item.type == 'TensorListSetItem' else []
        found = [f for i in inner for f in [self.find(i, depth)] if f]
        return _mixed(f'comes out of a loop or conditional ("{v.op.name}") that holds its softmax or sigmoid',
                      found) if found else None


def _mixed(reason: str, found: Sequence[Squashed | Mixed], harmless: bool = False) -> Mixed:
    ops = tuple(dict.fromkeys(op for f in found for op in f.ops))
    log = all(f.log if isinstance(f, Mixed) else f.kind == 'log' for f in found)
    return Mixed(reason, ops, log, harmless)


def _leaf(kind: str, what: str, at: _Value, logits: _Value, change: Callable[[tf.Tensor], tf.Tensor]
          | None = None) -> Squashed:
    inside = '' if at.frame.call is None else f'{at.frame.call.name}/'
    adds = change is not None or logits.frame.parent is not None
    return Squashed(kind, (f'"{inside}{at.op.name}" ({what})',), lambda: change(logits.here()) if change
                    else logits.here(), adds)


def _passed(v: _Value) -> _Value | None:
    """The input of a clip or mask, which holds the values where they are not cut off."""
    if v.type in ('Relu', 'Relu6'):
        return v.inputs[0]
    if v.type == 'ClipByValue' and v.inputs[1].constant is not None and v.inputs[2].constant is not None:
        return v.inputs[0]
    if v.type in ('Minimum', 'Maximum'):
        return next((a for a, b in (v.inputs, v.inputs[::-1]) if b.constant is not None), None)
    if v.type == 'Mul':
        return next((a for a, b in (v.inputs, v.inputs[::-1]) if b.type == 'Cast'
                     and b.op.inputs[0].dtype.is_bool), None)
    if v.type in ('Select', 'SelectV2'):
        _, yes, no = v.inputs
        return next((a for a, b in ((yes, no), (no, yes)) if b.constant is not None
                     or b.type in ('ZerosLike', 'Fill')), None)
    return None


def _by_hand(v: _Value) -> Squashed | Mixed | None:
    """A softmax, log-softmax, sigmoid or log-sigmoid made of exponentials and the like."""
    quotient = _quotient(v)
    if quotient is not None:
        top, bottom = quotient
        total = _without_floor(bottom)
        top = top.behind({'Cast'}) if top is not None else None
        if top is not None and total.type == 'Sum' and _same(total.inputs[0].behind({'Cast'}), top):
            if top.type == 'Exp':
                return _leaf('softmax', 'softmax by hand', v, _unshifted(top.inputs[0]))
            factors = top.inputs if top.type == 'Mul' else []
            if any(f.type in ('Exp', 'Softmax') for f in factors):
                return Mixed('is a softmax with weights', (f'"{v.op.name}" (softmax by hand)',))
        terms = bottom.inputs if bottom.type in ('Add', 'AddV2') else []
        exponential = next((e for e, one in (terms, terms[::-1]) if one.equals(1) and e.type == 'Exp'),
                           None) if terms else None
        if exponential is not None:
            if top is None:
                return _leaf('sigmoid', 'sigmoid by hand', v, *_negated(exponential.inputs[0]))
            if top.type == 'Exp' and _same(top.inputs[0], exponential.inputs[0]):
                return _leaf('sigmoid', 'sigmoid by hand', v, exponential.inputs[0])
    if v.type == 'Sub':
        z, total = v.inputs
        base = _log_sum_exp(total)
        if base is not None and _same(_unshifted(z), base):
            return _leaf('log', 'log-softmax by hand', v, _unshifted(z))
    if v.type == 'Neg' and v.inputs[0].type == 'Softplus':
        return _leaf('log', 'log-sigmoid by hand', v, *_negated(v.inputs[0].inputs[0]))
    if v.type == 'Exp':
        found = _by_hand(v.inputs[0])
        if isinstance(found, Squashed) and found.kind == 'log':
            return Squashed('sigmoid' if 'sigmoid' in found.ops[0] else 'softmax', found.ops, found.make,
                            found.adds)
    tanh = _half_tanh(v)
    return None if tanh is None else _leaf('sigmoid', 'sigmoid by hand', v, *_doubled(tanh.inputs[0]))


def _quotient(v: _Value) -> tuple[_Value | None, _Value] | None:
    """(dividend, divisor), None for a dividend of 1."""
    if v.type in ('RealDiv', 'Div', 'DivNoNan'):
        top, bottom = v.inputs
        return (None if top.equals(1) else top), bottom
    if v.type in ('Reciprocal', 'Inv'):
        return None, v.inputs[0]
    if v.type == 'Pow' and v.inputs[1].equals(-1):
        return None, v.inputs[0]
    if v.type == 'Mul':
        for top, other in (v.inputs, v.inputs[::-1]):
            inverse = _quotient(other) if other.type != 'Mul' else None
            if inverse is not None and inverse[0] is None:
                return top, inverse[1]
    return None


def _without_floor(v: _Value) -> _Value:
    """A sum without what keeps it from 0, and without what only reshapes it."""
    v = v.behind(RESHAPED)
    if v.type in ('Maximum', 'Add', 'AddV2'):
        for total, floor in (v.inputs, v.inputs[::-1]):
            small = floor.constant
            if small is not None and np.all(np.abs(np.asarray(small, np.float64)) <= 1e-2):
                return total.behind(RESHAPED)
    return v


def _unshifted(z: _Value) -> _Value:
    """z for `z - max(z)`."""
    if z.type == 'Sub':
        of, shift = z.inputs
        most = _maximum(shift)
        if most is not None and _same(most.inputs[0], of):
            return of
    return z


def _maximum(shift: _Value) -> _Value | None:
    shift = shift.behind(RESHAPED)
    # tf.reduce_logsumexp: 0 where the maximum is infinite
    if shift.type in ('Select', 'SelectV2'):
        shift = shift.inputs[1].behind(RESHAPED)
    return shift if shift.type == 'Max' else None


def _log_sum_exp(v: _Value) -> _Value | None:
    """z, for log(sum(exp(z))), with or without the maximum taken out and added again."""
    v = v.behind(RESHAPED)
    if v.type in ('Add', 'AddV2'):
        for log, shift in (v.inputs, v.inputs[::-1]):
            inner = _log_sum_exp(log)
            if inner is not None and _maximum(shift) is not None:
                return inner
    if v.type == 'Log':
        total = _without_floor(v.inputs[0])
        if total.type == 'Sum' and total.inputs[0].type == 'Exp':
            return _unshifted(total.inputs[0].inputs[0])
    return None


def _half_tanh(v: _Value) -> _Value | None:
    """tanh(u), for (tanh(u) + 1) / 2 in one of its forms."""
    def halved(value):
        if value.type == 'Mul':
            return next((a for a, b in (value.inputs, value.inputs[::-1]) if b.equals(.5)), None)
        return value.inputs[0] if value.type == 'RealDiv' and value.inputs[1].equals(2) else None

    def raised(value, by):
        return next((a for a, b in (value.inputs, value.inputs[::-1]) if b.equals(by)),
                    None) if value.type in ('Add', 'AddV2') else None
    whole, part = halved(v), raised(v, .5)
    tanh = raised(whole, 1) if whole is not None else halved(part) if part is not None else None
    return tanh if tanh is not None and tanh.type == 'Tanh' else None


def _negated(u: _Value) -> tuple[_Value, Callable[[tf.Tensor], tf.Tensor] | None]:
    """-u, as (value, what is still to be done)."""
    if u.type == 'Neg':
        return u.inputs[0], None
    if u.type == 'Sub' and u.inputs[0].equals(0):
        return u.inputs[1], None
    if u.type == 'Mul':
        for a, b in u.inputs, u.inputs[::-1]:
            if b.equals(-1):
                return a, None
    return u, _negative


def _doubled(u: _Value) -> tuple[_Value, Callable[[tf.Tensor], tf.Tensor] | None]:
    if u.type == 'Mul':
        for a, b in u.inputs, u.inputs[::-1]:
            if b.equals(.5):
                return a, None
    if u.type == 'RealDiv' and u.inputs[1].equals(2):
        return u.inputs[0], None
    return u, lambda t: t + t


def _negative(t: tf.Tensor) -> tf.Tensor:
    return tf.negative(t)


def _same(a: _Value, b: _Value, depth: int = 12) -> bool:
    """Whether two values are computed alike from the same: tf.exp(z) written twice."""
    if a.key == b.key:
        return True
    if depth == 0 or a.type != b.type or a.tensor.value_index != b.tensor.value_index or a.op.op_def.is_stateful or a.type == 'Placeholder' \
            or len(a.op.inputs) != len(b.op.inputs):
        return False
    attributes = [{k: v for k, v in x.op.node_def.attr.items() if not k.startswith('_')} for x in (a, b)]
    if attributes[0] != attributes[1] or (not a.op.inputs and a.type != 'Const'):
        return False
    return all(_same(i, j, depth - 1) for i, j in zip(a.inputs, b.inputs))


def _again(v: _Value, given: dict[int, tf.Tensor]) -> tf.Tensor:
    """The op of a value once more in the user's graph, with other tensors at some positions."""
    inputs = [given[k] if k in given else _Value(v.frame, i).here() for k, i in enumerate(v.op.inputs)]
    attributes = {k: a for k, a in v.op.node_def.attr.items() if not k.startswith('_')}
    graph = tf.compat.v1.get_default_graph()
    op = graph.create_op(v.type, inputs, [o.dtype for o in v.op.outputs], attrs=attributes,
                         op_def=v.op.op_def, name=v.type)
    return op.outputs[v.tensor.value_index]


def logits(found: Squashed, graph: tf.Graph) -> tf.Tensor:
    """The logits in the layout of T; new ops go under the library's name scope."""
    if not found.adds:
        return found.make()
    with graph.as_default(), graph.control_dependencies(None), graph.device(None), tf.name_scope(f'{LIBRARY_SCOPE}logits'):
        return found.make()
