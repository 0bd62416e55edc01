"""Rules at everything but units, for relevance: R of y = f(x) is shared among the inputs of f.

What elrp writes as multipliers r = R/y is here R itself, so that rules that give relevance to inputs of 0
(flat, w_square, z_box) fit among the others.
"""

from __future__ import annotations

import tensorflow as tf

from ...errors import RuleError
from ...graph.differentiate import OF_TARGET, OF_VALUE, multiplier_of, relevance_of
from ...graph.gradients import registered_gradient
from ...graph.passes.paired import ACTUAL
from ..op_tools import stabilized, summed_to, whole

MOVES = '''Identity Reshape Squeeze ExpandDims Transpose StridedSlice Slice'''.split()
SCALES = 'Mul MulNoNan RealDiv Div DivNoNan Xdivy Neg'.split()
SUMS = '''Add AddV2 AddN Sub BiasAdd BiasAddV1 Sum Mean AvgPool AvgPool3D Cumsum SegmentSum SegmentMean
    UnsortedSegmentSum ResizeBilinear ResizeBicubic TensorScatterAdd TensorScatterSub AccumulateNV2
    SparseSegmentMean SparseSegmentMeanWithNumSegments SparseSegmentSqrtN
    SparseSegmentSqrtNWithNumSegments SparseSegmentSum SparseSegmentSumWithNumSegments CropAndResize
    ScaleAndTranslate MatrixSolve MatrixTriangularSolve BandedTriangularSolve TridiagonalSolve Cross
    FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 BatchNormWithGlobalNormalization AvgPoolGrad
    AvgPool3DGrad BiasAddGrad Einsum'''.split()
SHIFTS = frozenset('''Add AddV2 Sub BiasAdd BiasAddV1 FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3
    BatchNormWithGlobalNormalization'''.split())
COMPLEX = '''FFT FFT2D FFT3D IFFT IFFT2D IFFT3D RFFT RFFT2D RFFT3D IRFFT IRFFT2D IRFFT3D Complex Real Imag
    Conj ComplexAbs Angle'''.split()


def by_multiplier(eps: float, rule):
    """The rule for relevance that belongs to one for multipliers: R_x = x rule(R / y), y stabilized."""
    def of_relevance(op, rs, varying):
        given = rs if isinstance(rs, (tuple, list)) else [rs]
        ms = [r if r is None or not y.dtype.is_floating else _divided(r, y, eps)
              for r, y in zip(given, op.outputs)]
        found = rule(op, ms[0] if len(ms) == 1 else ms, varying)
        found = found if isinstance(found, (tuple, list)) else [found]
        positions = varying(op)
        return whole(op, {k: tf.convert_to_tensor(g) * op.inputs[k] for k, g in enumerate(found)
                          if g is not None and k in positions})
    return of_relevance


def gradient(op, rs, varying):
    """TensorFlow's gradient."""
    return registered_gradient(op)(op, *(rs if isinstance(rs, (tuple, list)) else [rs]))


def moves(op, r, varying):
    """Every entry of y is one of x: R goes there, which is the gradient. Of T itself the multiplier is kept,
    so that the sums before it are shared without a division."""
    return _of_value(op, r, varying) or gradient(op, r, varying)


def scales(op, r, varying):
    """y = c x: R_x = R."""
    position, = varying(op)
    return _of_value(op, r, varying) or whole(op, {position: summed_to(tf.convert_to_tensor(r),
                                                                       op.inputs[position])})


def sums(eps: float, bias: bool):
    """y = sum_i x_i c_i + b: R_i = x_i c_i / y R, y stabilized; b absorbs its share, or with bias False
    nothing. What is folded into a unit passes R: there b counts.

    Of T itself, and where a bias stands before a unit under epsilon, R is a multiplier times y and the shares
    are exact: rows of a mean over rows do not mix, and a bias that is fed is as good as a constant one, which
    is folded."""
    shared = by_multiplier(eps, gradient)

    def rule(op, r, around):
        positions = around(op)
        passing = around.is_folded(op) or (not bias and op.type in SHIFTS and len(positions) == 1)
        if passing:
            position, = positions
            return whole(op, {position: summed_to(tf.convert_to_tensor(_first(r)), op.inputs[position])})
        names = [OF_TARGET, OF_VALUE] if op.type in SHIFTS and len(positions) == 1 else [OF_TARGET]
        return _of_value(op, r, around, names) or shared(op, r, around)
    return rule


def one_of_two(op, r, varying):
    """y = max(a, b) or min: the winner takes all; where one does not depend on X, as an activation of the
    other, which takes all."""
    if len(varying(op)) == 2:
        return gradient(op, r, varying)
    return activation(op, r, varying)


def activation(op, r, varying):
    """y = f(x) entry by entry: R_x = R."""
    position = min(varying(op))
    return whole(op, {position: summed_to(tf.convert_to_tensor(r), op.inputs[position])})


def power(op, r, varying):
    """y = a^b: R goes to the one that depends on X, half each where both do."""
    return whole(op, {k: summed_to(tf.convert_to_tensor(r) / len(varying(op)), op.inputs[k])
                      for k in varying(op)})


def factors(shares):
    """y = a b or a / b entry by entry: R_a = s_a R, R_b = s_b R with s_a + s_b = 1."""
    def rule(op, r, varying):
        r = tf.convert_to_tensor(r)
        return whole(op, {k: summed_to(r * tf.cast(s, r.dtype), op.inputs[k])
                          for k, s in enumerate(shares(op, varying)) if s})
    return rule


def complex_numbers(op, r, varying):
    """Refused: relevance of complex numbers is not defined."""
    raise RuleError(f'there is no rule for complex numbers, which op "{op.name.removeprefix(ACTUAL)}" '
                    f'({op.type}) between X and T has. Choose an X behind it, or another method')


def _of_value(op, r, varying, names=(OF_TARGET, OF_VALUE)):
    """The shares of a relevance that is a multiplier times y, with multipliers again; None for others, or of
    other names."""
    r = _first(r)
    multiplier, name = multiplier_of(r, op.outputs[0]) if isinstance(r, tf.Tensor) else (None, '')
    if name not in names:
        return None
    found = gradient(op, [multiplier, *([None] * (len(op.outputs) - 1))], varying)
    found = found if isinstance(found, (tuple, list)) else [found]
    return whole(op, {k: relevance_of(tf.convert_to_tensor(g), op.inputs[k], name)
                      for k, g in enumerate(found) if g is not None and k in varying(op)})


def _first(rs):
    return rs[0] if isinstance(rs, (tuple, list)) else rs


def _divided(r, y, eps):
    """R / y, in float32 at least: in float16 an epsilon below 6e-8 is 0."""
    r = tf.convert_to_tensor(r)
    if r.dtype.size >= 4:
        return r / stabilized(y, eps)
    return tf.cast(tf.cast(r, tf.float32) / stabilized(tf.cast(y, tf.float32), eps), r.dtype)
