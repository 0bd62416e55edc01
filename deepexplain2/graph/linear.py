"""Which op types are linear in X, so that the plain gradient is exact under every rule."""

from __future__ import annotations

import tensorflow as tf

from .path import Path

# Linear in all their floating inputs together; the integer and boolean inputs (axes, shapes, indices, conditions) must not depend on X.
JOINTLY_LINEAR = frozenset('''
    Identity IdentityN Snapshot EnsureShape PreventGradient CheckNumerics Reshape Squeeze ExpandDims Transpose ConjugateTranspose
    Concat ConcatV2 Pack Unpack Split SplitV Slice StridedSlice Gather GatherV2 GatherNd Pad PadV2 MirrorPad Tile BroadcastTo
    Add AddV2 AddN Sub Neg BiasAdd BiasAddV1 Sum Mean AvgPool AvgPool3D Cumsum Reverse ReverseV2 ReverseSequence Roll Cast
    SpaceToBatch SpaceToBatchND BatchToSpace BatchToSpaceND SpaceToDepth DepthToSpace ResizeBilinear ResizeNearestNeighbor
    ResizeBicubic Diag MatrixDiag MatrixDiagV2 MatrixDiagV3 DiagPart MatrixDiagPart MatrixDiagPartV2 MatrixDiagPartV3
    MatrixBandPart SegmentSum SegmentMean UnsortedSegmentSum Select SelectV2 DynamicStitch ParallelDynamicStitch ScatterNd
    TensorScatterAdd TensorScatterUpdate Real Imag Complex
    '''.split())
# Linear in one factor when the other ones do not depend on X.
MULTILINEAR = frozenset('''
    Mul MulNoNan MatMul BatchMatMul BatchMatMulV2 BatchMatMulV3 Einsum SparseMatMul Conv2D Conv3D DepthwiseConv2dNative
    Conv2DBackpropInput Conv3DBackpropInputV2 SparseTensorDenseMatMul Cross
    '''.split())
# Linear in the first input when nothing else depends on X.
LINEAR_IN_FIRST = frozenset('Div RealDiv DivNoNan FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3'.split())
# Not linear, and left to the plain gradient on purpose: the winner takes all. Exact for LRP; for DeepLIFT complete only where x and
# the baseline have the same winner, as in DeepExplain.
WINNER_TAKES_ALL = frozenset('MaxPool MaxPoolV2 MaxPool3D'.split())


def is_linear(op: tf.Operation, path: Path) -> bool:
    """Whether `op` is linear (or affine) in everything that it takes from X."""
    dependent = path.dependent_inputs(op)
    if not any(o.dtype.is_floating or o.dtype.is_complex for o in op.outputs):
        return True                         # shapes, indices: what they select counts where it is used
    if op.type in ('ZerosLike', 'OnesLike', 'Fill', 'RandomUniform', 'RandomStandardNormal', 'TruncatedNormal'):
        return True                         # only the shape of what they take matters
    if op.type in JOINTLY_LINEAR:
        return all(op.inputs[k].dtype.is_floating or _is_shape_like(op.inputs[k], path) for k in dependent)
    if op.type in MULTILINEAR:
        return len([k for k in dependent if op.inputs[k].dtype.is_floating]) <= 1
    if op.type in LINEAR_IN_FIRST:
        return dependent == [0] and not (op.type.startswith('FusedBatchNorm') and op.get_attr('is_training'))
    return False


def _is_shape_like(tensor: tf.Tensor, path: Path) -> bool:
    """Whether an integer tensor that depends on X does so only through shapes, which no value of X can change."""
    stack, seen = [tensor], set()
    while stack:
        t = stack.pop()
        if t.name in seen or not path.depends(t) or t.op.type in ('Shape', 'ShapeN', 'Size', 'Rank'):
            continue
        seen.add(t.name)
        if t.dtype.is_floating or not t.op.inputs or t.name in {x.name for x in path.inputs}:
            return False
        stack += list(t.op.inputs)
    return True
