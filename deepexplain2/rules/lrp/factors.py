"""How relevance is shared between the two factors of a product or quotient: gates take nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection

import tensorflow as tf

from ...graph.constants import constant_value

QUOTIENTS = ['RealDiv', 'Div', 'DivNoNan', 'Xdivy']
# the positions of the inputs of an op that depend on X
Varying = Callable[[tf.Operation], Collection[int]]


def shares_of_factors(products: str, softmax: str, normalization: str):
    """The shares of the two factors of a product or quotient that both depend on X.

    softmax, normalization 'constant': a factor that is a softmax, or a root of squares that divides, takes
    nothing. products 'signal': a gate takes nothing, the other factor all; 'uniform', and where none or both
    are gates: half each.
    """
    def shares(op, varying):
        kinds = [gate(i, varying) for i in op.inputs[:2]]
        is_choice = [kind == CHOICE for kind in kinds]
        if is_choice[0] != is_choice[1]:
            return _all_but(is_choice.index(True), op)          # no relevance would pass a factor of 0 or 1
        for option, name in (softmax, SOFTMAX), (normalization, SCALE):
            is_one = [kind == name for kind in kinds]
            if option == 'constant' and is_one[0] != is_one[1]:
                return _all_but(is_one.index(True), op)
        if products == 'signal':
            if SOFTMAX in kinds or SCALE in kinds:                  # asked to count as any factor
                return [.5, .5]
            if op.type in QUOTIENTS:
                return [1., 0.]
            ranks = [RANKS.index(kind) for kind in kinds]
            if ranks[0] != ranks[1]:
                return _all_but(ranks.index(max(ranks)), op)
        return [.5] * len(op.inputs)
    return shares


def _all_but(gate, op):
    return [float(k != gate) for k in range(len(op.inputs))]


SIGNAL, SQUASHED, OPEN, CHOICE, SOFTMAX, SCALE = 'signal', 'squashed', 'open', 'choice', 'softmax', 'scale'
# of two factors the later is the gate: tanh(c) is gated by sigmoid(z), and gates x in x tanh(softplus(x))
RANKS = [SIGNAL, SQUASHED, OPEN, CHOICE]
_KINDS = {'Sigmoid': OPEN, 'Exp': OPEN, 'Erfc': OPEN, 'Tanh': SQUASHED, 'Erf': SQUASHED, 'Atan': SQUASHED,
          'Softsign': SQUASHED, 'Relu6': SQUASHED,
          'Softmax': SOFTMAX, 'Rsqrt': SCALE, 'Sqrt': SCALE,
          **dict.fromkeys('Greater GreaterEqual Less LessEqual Equal NotEqual LogicalAnd LogicalOr '
                          'LogicalNot Any All OneHot'.split(), CHOICE)}
_THROUGH = {'Identity', 'Reshape', 'Cast', 'Transpose', 'ExpandDims', 'Squeeze', 'StridedSlice', 'Slice',
            'Split', 'SplitV', 'Unpack', 'GatherV2',
            'BroadcastTo', 'Tile', 'Neg', 'BiasAdd', 'EnsureShape', 'Snapshot', 'StopGradient', 'IdentityN'}
_JOINED = {'ConcatV2', 'Concat', 'Pack', 'Select', 'SelectV2'}
_AFFINE = {'Mul', 'Add', 'AddV2', 'Sub', 'RealDiv', 'Div', 'Maximum', 'Minimum', 'ClipByValue', 'DivNoNan'}


def gate(tensor: tf.Tensor, varying: Varying) -> str:
    """What a factor is, by the function that it comes from, its shape, a scale, a shift and bounds aside: a
    SOFTMAX, a SCALE (a root, or what a tensor is divided by it), OPEN (of one sign: sigmoids, exponentials,
    denominators), SQUASHED (bounded: tanh, erf), a CHOICE (0 or 1), else a SIGNAL."""
    scaled, low, high = False, None, None
    while True:
        op = tensor.op
        positions = varying(op)
        if op.type in _THROUGH and positions:
            tensor = op.inputs[{'Split': 1, 'IdentityN': tensor.value_index}.get(op.type, 0)]
        elif op.type in _AFFINE and len(positions) == 1:
            position, = positions
            others = [_number(i) for k, i in enumerate(op.inputs) if k != position]
            if op.type in QUOTIENTS and position == 1:
                return _divided(op.inputs[1], varying)
            if op.type in ('Maximum', 'ClipByValue') and low is None:
                low = others[0]
            if op.type in ('Minimum', 'ClipByValue') and high is None:
                high = others[-1]
            scaled |= op.type in ('Mul', 'RealDiv', 'Div')
            tensor = op.inputs[position]
        elif op.type in ('Reciprocal', 'Inv'):
            return _divided(op.inputs[0], varying)
        elif op.type in _JOINED:
            kinds = {gate(i, varying) for k, i in enumerate(op.inputs)
                     if k in positions and i.dtype.is_floating}
            return kinds.pop() if len(kinds) == 1 else SIGNAL
        elif op.type in QUOTIENTS and len(positions) == 2:              # a softmax by hand
            return SOFTMAX if _is_softmax(op, varying) else SIGNAL
        elif op.type == 'Mul' and len(positions) == 2:                  # a gate times a gate is one
            return OPEN if {gate(i, varying) for i in op.inputs} == {OPEN} else SIGNAL
        else:
            break
    kind = _KINDS.get(op.type, SIGNAL)
    if kind == SQUASHED and op.type == 'Relu6' and scaled:          # relu6(z + 3)/6, the hard sigmoid
        return OPEN
    if kind == SIGNAL and low is not None and high is not None:     # a hard sigmoid or tanh
        return OPEN if low >= 0 else SQUASHED
    return kind


def _divided(tensor: tf.Tensor, varying: Varying) -> str:
    """What 1/tensor is."""
    return SCALE if gate(tensor, varying) == SCALE else OPEN


def _is_softmax(op: tf.Operation, varying: Varying) -> bool:
    """Whether a quotient is exp(z) / sum exp(z)."""
    below = op.inputs[1].op
    while below.type in _THROUGH | {'AddV2', 'Maximum'} and varying(below):
        below = below.inputs[min(varying(below))].op
    return op.inputs[0].op.type == 'Exp' and below.type == 'Sum' and below.inputs[0].op is op.inputs[0].op


def _number(tensor: tf.Tensor) -> float | None:
    """The value of a constant that is one number."""
    if tensor.op.type == 'Const' and tensor.dtype.is_floating:
        value = constant_value(tensor)
        return float(value.flat[0]) if value.size == 1 else None
    return None
