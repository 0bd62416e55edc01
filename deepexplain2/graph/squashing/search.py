"""The search for a softmax or sigmoid from a tensor towards the inputs, through ops that move, clip or
combine its values."""

from __future__ import annotations

import tensorflow as tf

from ..functions import functions_of
from ..op_types import BRANCHES, LIBRARY_SCOPE, LOOPS
from .by_hand import by_hand
from .found import Found, Mixed, Squashed, all_ops, mixed, squashed
from .values import Frame, Value

_DEPTH = 60         # ops looked through: an unrolled recurrent network is a chain of sums and products
# Ops whose outputs are entries of one input, at other places or repeated: the position of that input.
_MOVES = {'Reshape': 0, 'Transpose': 0, 'Squeeze': 0, 'ExpandDims': 0, 'Slice': 0, 'StridedSlice': 0,
          'Gather': 0, 'GatherV2': 0, 'GatherNd': 0, 'Split': 1, 'SplitV': 0, 'Unpack': 0, 'Reverse': 0,
          'ReverseV2': 0, 'Roll': 0, 'Tile': 0, 'BroadcastTo': 0, 'ResizeNearestNeighbor': 0,
          'DepthToSpace': 0, 'SpaceToDepth': 0, 'BatchToSpaceND': 0, 'MatrixDiagPart': 0}
_REDUCTIONS = {'Max', 'Min', 'Mean', 'Sum', 'Prod', 'AvgPool', 'MaxPool', 'ResizeBilinear', 'TopKV2'}
_SUMS = {'Add', 'AddV2', 'Sub', 'AddN', 'Mul', 'RealDiv', 'Div', 'DivNoNan', 'Neg'} | _REDUCTIONS
_PRODUCTS = {'MatMul', 'BatchMatMul', 'BatchMatMulV2', 'BatchMatMulV3', 'Einsum'}
_WEIGHTS = {'Const', 'Fill', 'ReadVariableOp', 'VariableV2'}
_FACTORS = _WEIGHTS | {'Placeholder', 'OneHot'}         # in a product, a choice is a weight too


def squashing(target: tf.Tensor) -> Found:
    """What T is the output of: a softmax or sigmoid, of TensorFlow or by hand, a mixture of probabilities, or
    neither. Adds nothing to the graph."""
    found = _Search().find(Frame(target.graph).value(target))
    return None if isinstance(found, Mixed) and found.harmless else found


def logits(found: Squashed, graph: tf.Graph) -> tf.Tensor:
    """The logits in the layout of T. New ops are added under the name scope of the library."""
    if not found.adds:
        return found.make()
    with graph.as_default(), graph.control_dependencies(None), graph.device(None), graph.name_scope(None), \
            tf.name_scope(f'{LIBRARY_SCOPE}logits'):
        return found.make()


class _Search:
    """Walks from a tensor towards the inputs, once through each value."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, str], Found] = {}

    def find(self, value: Value, depth: int = 0) -> Found:
        if value.key not in self._known:
            self._known[value.key] = None           # while the search is at this value
            self._known[value.key] = self._find(value, depth + 1) if depth < _DEPTH else None
        return self._known[value.key]

    def _find_all(self, values: list[Value], depth: int) -> list[Squashed | Mixed]:
        return [f for v in values for f in [self.find(v, depth)] if f]

    def _find(self, v: Value, depth: int) -> Found:
        if v.type in ('Softmax', 'Sigmoid', 'LogSoftmax'):
            return squashed('log' if v.type == 'LogSoftmax' else v.type.lower(), v.type, v, v.inputs[0])
        found = by_hand(v)
        if found is not None:
            return found
        if v.type in _MOVES or (v.type == 'Cast' and v.op.inputs[0].dtype.is_floating):
            return self._moved(v, _MOVES.get(v.type, 0), depth)
        if v.type in ('ConcatV2', 'Pack', 'Concat'):
            return self._joined(v, depth)
        if v.type in ('Exp', 'Log'):
            return self._other_scale(v, depth)
        passed = _passed(v)
        if passed is not None:
            return self.find(passed, depth)
        if v.type in _PRODUCTS:
            factors = self._find_all(v.inputs, depth)
            return mixed('is a mixture of probabilities', factors) \
                if len(factors) == len(v.op.inputs) > 1 else None
        if v.type in _SUMS:
            return self._sum(v, depth)
        return self._control_flow(v, depth)

    def _moved(self, v: Value, position: int, depth: int) -> Found:
        found = self.find(v.inputs[position], depth)
        if isinstance(found, Squashed):
            return Squashed(found.kind, found.ops, lambda: v.repeated({position: found.make()}), True)
        return found

    def _joined(self, v: Value, depth: int) -> Found:
        parts = [k for k, i in enumerate(v.op.inputs) if i.dtype.is_floating]
        found = {k: f for k in parts for f in [self.find(v.inputs[k], depth)] if f}
        logits_of = {k: f for k, f in found.items() if isinstance(f, Squashed)}
        kinds = {f.kind for f in logits_of.values()}
        if len(logits_of) == len(parts) and len(kinds) == 1:
            return Squashed(kinds.pop(), all_ops(list(logits_of.values())),
                            lambda: v.repeated({k: f.make() for k, f in logits_of.items()}), True)
        return mixed('joins probabilities with something else', list(found.values())) if found else None

    def _other_scale(self, v: Value, depth: int) -> Found:
        """Probabilities from log-probabilities, and the reverse."""
        found = self.find(v.inputs[0], depth)
        if isinstance(found, Squashed) and (found.kind == 'log') == (v.type == 'Exp'):
            return Squashed('softmax' if v.type == 'Exp' else 'log', found.ops, found.make, found.adds)
        if isinstance(found, Mixed) and v.type == 'Log' and not found.harmless:
            return Mixed(found.reason, found.ops, True)
        return None

    def _sum(self, v: Value, depth: int) -> Found:
        """Sums, products and reductions are made of probabilities if all their inputs are probabilities or
        weights."""
        values = [v.inputs[0]] if v.type in _REDUCTIONS else v.inputs
        weights = _FACTORS if v.type == 'Mul' else _WEIGHTS
        others = [i for i in values if i.before({'Cast', 'Reshape', 'ExpandDims'}).type not in weights]
        found = self._find_all(others, depth)
        if not found or len(found) < len(others):
            return None
        first = found[0]
        if len(found) == 1 and v.type not in _REDUCTIONS:
            if isinstance(first, Mixed):
                return first
            if v.type == 'Sub' and values[0].equals(1) and first.kind == 'sigmoid':
                return Squashed('sigmoid', first.ops, lambda: tf.negative(first.make()), True)
            return mixed('is a multiple of probabilities or a choice among them', [first],
                         harmless=first.kind == 'sigmoid')
        return mixed('is a product of probabilities' if v.type in ('Mul', 'Prod')
                     else 'is an average, sum or choice of probabilities', found)

    def _control_flow(self, v: Value, depth: int) -> Found:
        """A loop or conditional whose result is a probability: its logits are inside."""
        inner: list[Value] = []
        if v.type in BRANCHES:
            for name in functions_of(v.op.node_def):
                frame = v.frame.open(v.op, name, 1)
                inner.append(frame.value(frame.results[v.tensor.value_index]))
        elif v.type in ('Merge', 'RefMerge') and v.tensor.value_index == 0 \
                and not any(i.op.type in ('NextIteration', 'RefNextIteration') for i in v.op.inputs):
            inner = v.inputs
        elif v.type == 'TensorListStack' and v.inputs[0].type in LOOPS:
            loop = v.inputs[0]
            frame = loop.frame.open(loop.op, functions_of(loop.op.node_def)[1])
            item = frame.value(frame.results[loop.tensor.value_index])
            inner = [item.inputs[2]] if item.type == 'TensorListSetItem' else []
        found = self._find_all(inner, depth)
        return mixed(f'comes out of a loop or conditional ("{v.op.name}") that holds its softmax or sigmoid',
                     found) if found else None


def _passed(v: Value) -> Value | None:
    """The input of a clip or mask, whose values the output has wherever they are not cut off."""
    if v.type in ('Relu', 'Relu6'):
        return v.inputs[0]
    if v.type == 'ClipByValue' and v.inputs[1].constant is not None and v.inputs[2].constant is not None:
        return v.inputs[0]
    if v.type in ('Minimum', 'Maximum'):
        return next((a for a, b in v.either_way if b.constant is not None), None)
    if v.type == 'Mul':
        return next((a for a, b in v.either_way if b.type == 'Cast' and b.op.inputs[0].dtype.is_bool), None)
    if v.type in ('Select', 'SelectV2'):
        _, yes, no = v.inputs
        return next((a for a, b in ((yes, no), (no, yes)) if b.constant is not None
                     or b.type in ('ZerosLike', 'Fill')), None)
    return None
