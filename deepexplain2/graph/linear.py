"""Which op types are linear in X, so that the plain gradient is exact under every rule."""

from __future__ import annotations

import tensorflow as tf

from .function_bodies import Body, decides
from .gradients import can_carry, has_override, quantizes
from .op_types import CONTAINERS, FUNCTION_CALLS, SHAPE_ONLY, V1_CONTROL_FLOW
from .path import Path

# Linear in all their floating inputs together; the integer and boolean inputs (axes, shapes, indices,
# conditions) must not depend on X.
JOINTLY_LINEAR = frozenset('''Identity IdentityN PlaceholderWithDefault Snapshot EnsureShape
    PreventGradient CheckNumerics Reshape Squeeze ExpandDims Transpose ConjugateTranspose Concat
    ConcatV2 Pack Unpack Split SplitV Slice StridedSlice Gather GatherV2 GatherNd Pad PadV2 MirrorPad
    Tile BroadcastTo Add AddV2 AddN Sub Neg BiasAdd BiasAddV1 Sum Mean AvgPool AvgPool3D Cumsum Reverse
    ReverseV2 ReverseSequence Roll Cast SpaceToBatch SpaceToBatchND BatchToSpace BatchToSpaceND
    SpaceToDepth DepthToSpace ResizeBilinear ResizeNearestNeighbor ResizeBicubic Diag MatrixDiag
    MatrixDiagV2 MatrixDiagV3 DiagPart MatrixDiagPart MatrixDiagPartV2 MatrixDiagPartV3 MatrixBandPart
    SegmentSum SegmentMean UnsortedSegmentSum Select SelectV2 DynamicStitch ParallelDynamicStitch
    ScatterNd TensorScatterAdd TensorScatterUpdate Real Imag Complex Print ExtractImagePatches
    ExtractVolumePatches TensorListFromTensor TensorListStack TensorListGetItem TensorListSetItem
    TensorListReserve TensorListPushBack TensorListPopBack TensorListConcat TensorListConcatV2
    TensorListGather TensorListScatter TensorListScatterV2 TensorListSplit TensorListResize
    TensorListScatterIntoExistingList AccumulateNV2 AvgPoolGrad AvgPool3DGrad BiasAddGrad
    CheckNumericsV2 Conj CopyToMesh CopyToMeshGrad DebugGradientIdentity DebugGradientRefIdentity
    DebugIdentityV2 Fill MirrorPadGrad OptionalFromValue OptionalGetValue ReadVariableOp RefIdentity
    Relayout RelayoutLike ResourceGather ResourceGatherNd ScatterNdNonAliasingAdd SparseSegmentMean
    SparseSegmentMeanWithNumSegments SparseSegmentSqrtN SparseSegmentSqrtNWithNumSegments
    SparseSegmentSum SparseSegmentSumWithNumSegments StridedSliceGrad TensorScatterSub
    TensorStridedSliceUpdate XlaClusterOutput XlaSharding XlaSpmdFullToShardShape
    XlaSpmdShardToFullShape _EagerConst OneHot LinSpace Range MatrixSetDiag MatrixSetDiagV2
    MatrixSetDiagV3 FFT FFT2D FFT3D IFFT IFFT2D IFFT3D RFFT RFFT2D RFFT3D IRFFT IRFFT2D IRFFT3D'''.split())
# Linear in one factor when the other ones do not depend on X.
MULTILINEAR = frozenset('''Mul MulNoNan MatMul BatchMatMul BatchMatMulV2 BatchMatMulV3 Einsum
    SparseMatMul Conv2D Conv3D DepthwiseConv2dNative Conv2DBackpropInput Conv3DBackpropInputV2
    SparseTensorDenseMatMul Cross'''.split())
CONTRACTIONS = MULTILINEAR - {'Mul', 'MulNoNan', 'Cross'}       # those that sum many products
# Linear in one input when nothing else depends on X: op type -> its position.
LINEAR_IN = {'Div': 0, 'RealDiv': 0, 'DivNoNan': 0, 'Xdivy': 0, 'FusedBatchNorm': 0, 'FusedBatchNormV2': 0,
             'FusedBatchNormV3': 0,
             'BatchNormWithGlobalNormalization': 0, 'CropAndResize': 0, 'ScaleAndTranslate': 0,
             'MatrixSolve': 1, 'MatrixTriangularSolve': 1,
             'BandedTriangularSolve': 1, 'TridiagonalSolve': 1}
# Without a gradient of their own to replace: what is linear whatever depends on X, and what is differentiated
# inside.
UNMARKED = CONTAINERS | FUNCTION_CALLS | V1_CONTROL_FLOW | SHAPE_ONLY
DIFFERENTIATED_INSIDE = (JOINTLY_LINEAR - {'Select', 'SelectV2'}) | UNMARKED


def is_linear(op: tf.Operation, path: Path | Body) -> bool:
    """Whether `op` is linear (or affine) in everything that it takes from X. Of a loop only what is outside
    its body counts."""
    varying = path.varying_inputs(op)
    if not varying or not any(map(can_carry, op.outputs)):
        # constants; shapes, indices, conditions: what they select counts where it is used
        return True
    if op.type in SHAPE_ONLY:
        return True
    if has_override(op) or quantizes(op):
        return False                        # somebody's own gradient, or none: a cast to eight bits
    if op.type in CONTAINERS:
        return not decides(op, varying)
    if not all(can_carry(op.inputs[k]) for k in varying):
        return False                        # an index or a condition that X decides on
    if op.type in MULTILINEAR:
        return len(varying) == 1
    if op.type.startswith('FusedBatchNorm') and op.get_attr('is_training'):
        return False                        # by the statistics of its input
    if op.type in LINEAR_IN:
        return varying == [LINEAR_IN[op.type]]
    return op.type in JOINTLY_LINEAR
