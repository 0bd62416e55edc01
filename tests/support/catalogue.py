"""Calls of TensorFlow's ops, each the only one between X and T: functions of one tensor, and of more."""

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import op_def_registry

from deepexplain2.rules.deeplift.rescale import RULES

RAW = tf.raw_ops

# Where a function of one tensor is defined, if not everywhere.
DOMAINS = {(.3, 4.): 'Log Log1p Sqrt Rsqrt Lgamma Digamma Reciprocal Inv BesselK0 BesselK0e BesselK1 '
                     'BesselK1e BesselY0 BesselY1 Expint Spence',
           (-.9, .9): 'Acos Asin Atanh Erfinv Tan', (1.1, 4.): 'Acosh', (.1, .9): 'Ndtri'}
DOMAIN = {op: domain for domain, names in DOMAINS.items() for op in names.split()}
UNARY = sorted(RULES)
# In float32 only.
SINGLE = {'LRN', 'FakeQuantWithMinMaxArgs', 'FusedBatchNorm', 'FusedBatchNormV2', 'FusedBatchNormV3',
          'SparseMatMul', 'MaxPool3D'}


def square(x):
    """Well-conditioned matrices (n, 2, 2) of the first four features."""
    m = tf.reshape(x[:, :4], [-1, 2, 2])
    return tf.matmul(m, m, transpose_b=True) + 2 * tf.eye(2, dtype=x.dtype)


def image(x):
    return tf.reshape(x, [-1, 2, 3, 1])


def kernel(x, *shape):
    """A kernel that depends on X through the mean over the rows would mix them: one row at a time."""
    return tf.reshape(x[0, :int(np.prod(shape))], shape)


def bands(x):
    return tf.stack([x[:, :3], x[:, 3:] + 6, x[:, 1:4]], 1)


# Both factors depend on x; x is (n, 6).
OPS = {
    'Mul': lambda x: x * x[:, ::-1], 'MulNoNan': lambda x: RAW.MulNoNan(x=x, y=x[:, ::-1]),
       'Maximum': lambda x: tf.maximum(x, x[:, ::-1]),
    'Minimum': lambda x: tf.minimum(x, x[:, ::-1]),
       'SquaredDifference': lambda x: tf.math.squared_difference(x, x[:, ::-1] * 2),
    'RealDiv': lambda x: x / (4 + x[:, ::-1]), 'Div': lambda x: RAW.Div(x=x, y=4 + x[:, ::-1]),
       'Xdivy': lambda x: RAW.Xdivy(x=x, y=4 + x[:, ::-1]),
    'DivNoNan': lambda x: tf.math.divide_no_nan(x, 4 + x[:, ::-1]),
       'Pow': lambda x: tf.pow(4 + x, x[:, ::-1]),
    'Xlogy': lambda x: tf.math.xlogy(x, 4 + x[:, ::-1]),
       'Xlog1py': lambda x: tf.math.xlog1py(x, 4 + x[:, ::-1]),
    'Atan2': lambda x: tf.atan2(x, x[:, ::-1] + 4), 'FloorMod': lambda x: tf.math.floormod(x, 4 + x[:, ::-1]),
    'ClipByValue': lambda x: RAW.ClipByValue(t=x[:, :2], clip_value_min=x[:, 2:4] - 1,
                                             clip_value_max=x[:, 4:] + 1),
    'MatMul': lambda x: tf.matmul(x[:1, :2] + 0 * x[:1, :2], tf.reshape(x[0, 2:], [2, 2])),
       'SparseMatMul': lambda x: RAW.SparseMatMul(
        a=x[:1, :2], b=tf.reshape(x[0, 2:], [2, 2])),
       'BatchMatMul': lambda x: RAW.BatchMatMul(x=square(x), y=square(x[:, 1:])),
    'BatchMatMulV2': lambda x: square(x) @ square(x[:, 1:]),
    'BatchMatMulV3': lambda x: RAW.BatchMatMulV3(x=square(x), y=square(x[:, 1:]), Tout=x.dtype),
    'Einsum': lambda x: tf.einsum('bi,bj->bij', x, x * 2),
    'Cross': lambda x: tf.linalg.cross(x[:, :3], x[:, 3:]),
       'Conv2D': lambda x: tf.nn.conv2d(image(x)[:1], kernel(x, 2, 2, 1, 1), 1, 'SAME'),
    'Conv3D': lambda x: tf.nn.conv3d(image(x)[:1, None], kernel(x, 1, 2, 2, 1, 1), [1] * 5, 'SAME'),
    'DepthwiseConv2dNative': lambda x: tf.nn.depthwise_conv2d(image(x)[:1], kernel(x, 2, 2, 1, 1), [1] * 4,
                                                              'SAME'),
    'Conv2DBackpropInput': lambda x: tf.nn.conv2d_transpose(image(x)[:1], kernel(x, 2, 2, 1, 1), [1, 2, 3, 1],
                                                            1),
    'Conv3DBackpropInputV2': lambda x: tf.nn.conv3d_transpose(image(x)[:1, None], kernel(x, 1, 2, 2, 1, 1),
                                                              [1, 1, 2, 3, 1], 1),
    'Conv2DBackpropFilter': lambda x: RAW.Conv2DBackpropFilter(input=image(x)[:1], filter_sizes=[2, 2, 1, 1],
                                                               out_backprop=2 * image(x)[:1],
                                                               strides=[1] * 4, padding='SAME'),
    'Conv3DBackpropFilterV2': lambda x: RAW.Conv3DBackpropFilterV2(input=image(x)[:1, None],
                                                                   filter_sizes=[1, 2, 2, 1, 1],
                                                                   out_backprop=2 * image(x)[:1, None],
                                                                   strides=[1] * 5, padding='SAME'),
    'DepthwiseConv2dNativeBackpropInput': lambda x: RAW.DepthwiseConv2dNativeBackpropInput(
        input_sizes=[1, 2, 3, 1], filter=kernel(x, 2, 2, 1, 1), out_backprop=image(x)[:1], strides=[1] * 4,
                                                                                           padding='SAME'),
    'DepthwiseConv2dNativeBackpropFilter': lambda x: RAW.DepthwiseConv2dNativeBackpropFilter(
        input=image(x)[:1], filter_sizes=[2, 2, 1, 1], out_backprop=2 * image(x)[:1], strides=[1] * 4,
                                                                                             padding='SAME'),
    'TridiagonalMatMul': lambda x: tf.linalg.tridiagonal_matmul(bands(x), x[:, :3, None],
                                                                diagonals_format='compact'),
    'Max': lambda x: tf.reduce_max(x, 1), 'Min': lambda x: tf.reduce_min(x, 1),
       'MaxPool': lambda x: tf.nn.max_pool2d(image(x), 2, 1, 'SAME'),
    'MaxPoolV2': lambda x: RAW.MaxPoolV2(input=image(x), ksize=[1, 2, 2, 1], strides=[1] * 4, padding='SAME'),
    'MaxPool3D': lambda x: tf.nn.max_pool3d(image(x)[:, None], [1, 2, 2], 1, 'SAME'),
    'MaxPoolWithArgmax': lambda x: tf.nn.max_pool_with_argmax(image(x), 2, 1, 'SAME')[0],
    'SegmentMax': lambda x: tf.transpose(tf.math.segment_max(tf.transpose(x), [0, 0, 1, 1, 1, 2])),
    'SegmentMin': lambda x: tf.transpose(tf.math.segment_min(tf.transpose(x), [0, 0, 1, 1, 1, 2])),
    'UnsortedSegmentMax': lambda x: tf.transpose(tf.math.unsorted_segment_max(tf.transpose(x),
                                                                              [0, 2, 1, 1, 0, 2], 3)),
    'UnsortedSegmentMin': lambda x: tf.transpose(tf.math.unsorted_segment_min(tf.transpose(x),
                                                                              [0, 2, 1, 1, 0, 2], 3)),
    'Softmax': lambda x: tf.nn.softmax(3 * x) * 2., 'LogSoftmax': lambda x: tf.nn.log_softmax(3 * x),
    'SoftmaxCrossEntropyWithLogits': lambda x: tf.nn.softmax_cross_entropy_with_logits(labels=x[:, :3],
                                                                                       logits=x[:, 3:]),
    'SparseSoftmaxCrossEntropyWithLogits': lambda x: tf.nn.sparse_softmax_cross_entropy_with_logits(
        tf.cast(x[:, 0] * 0, tf.int32) + 2, x),
    'TopKV2': lambda x: tf.math.top_k(x, 4).values,
    # under the general rule
    'MatrixInverse': lambda x: tf.linalg.inv(square(x)),
       'MatrixDeterminant': lambda x: tf.linalg.det(square(x)),
    'LogMatrixDeterminant': lambda x: tf.linalg.slogdet(square(x))[1],
       'Cholesky': lambda x: tf.linalg.cholesky(square(x)),
    'MatrixSolve': lambda x: tf.linalg.solve(square(x), x[:, :2, None]),
       'MatrixSquareRoot': lambda x: tf.linalg.sqrtm(square(x)),
    'MatrixTriangularSolve': lambda x: tf.linalg.triangular_solve(square(x), x[:, :2, None]),
    'MatrixSolveLs': lambda x: RAW.MatrixSolveLs(matrix=square(x), rhs=x[:, :2, None],
                                                 l2_regularizer=tf.constant(.1, tf.float64), fast=True),
    'BandedTriangularSolve': lambda x: tf.linalg.banded_triangular_solve(tf.stack([x[:, :3] + 6, x[:, 3:]],
                                                                                  1), x[:, :3, None]),
    'TridiagonalSolve': lambda x: tf.linalg.tridiagonal_solve(bands(x), x[:, :3], diagonals_format='compact'),
    'Prod': lambda x: tf.reduce_prod(x, 1), 'Cumprod': lambda x: tf.math.cumprod(x, 1),
    'EuclideanNorm': lambda x: RAW.EuclideanNorm(input=x, axis=[1]),
    'SegmentProd': lambda x: tf.transpose(tf.math.segment_prod(tf.transpose(x), [0, 0, 1, 1, 1, 2])),
    'UnsortedSegmentProd': lambda x: tf.transpose(tf.math.unsorted_segment_prod(tf.transpose(x),
                                                                                [0, 2, 1, 1, 0, 2], 3)),
    'CumulativeLogsumexp': lambda x: tf.math.cumulative_logsumexp(x, 1),
       'L2Loss': lambda x: tf.nn.l2_loss(x)[None],
    'LRN': lambda x: tf.nn.local_response_normalization(image(x), 1),
       'ComplexAbs': lambda x: tf.abs(tf.complex(x[:, :3], x[:, 3:])),
    'Igamma': lambda x: tf.math.igamma(4 + x[:, :3], 4 + x[:, 3:]),
       'Igammac': lambda x: tf.math.igammac(4 + x[:, :3], 4 + x[:, 3:]),
    'Betainc': lambda x: tf.math.betainc(tf.ones_like(x) * 2, tf.ones_like(x) * 3, tf.sigmoid(x)),
    'Zeta': lambda x: tf.math.zeta(tf.ones_like(x) * 3, 4 + x),
       'Polygamma': lambda x: tf.math.polygamma(tf.ones_like(x), 4 + x),
    'SparseTensorDenseMatMul': lambda x: RAW.SparseTensorDenseMatMul(a_indices=[[0, 1], [2, 0]],
                                                                     a_values=x[0, :2], a_shape=[3, 2],
                                                                     b=tf.reshape(x[0, 2:], [2, 2])),
} | {f'{name}Grad': lambda x, name=name: getattr(RAW, f'{name}Grad')(y=x + 4, dy=x[:, ::-1]) for name in (
    'Inv', 'Reciprocal', 'Rsqrt', 'Sigmoid', 'Sqrt', 'Tanh')} | {
        'SoftplusGrad': lambda x: RAW.SoftplusGrad(gradients=x, features=x[:, ::-1])}
OPS |= {f'FusedBatchNorm{v}': lambda x, v=v: getattr(RAW, f'FusedBatchNorm{v}')(
    x=tf.reshape(x, [1, 2, 3, 1]), scale=[2.], offset=[1.], mean=[], variance=[], epsilon=.1).y
        for v in ('', 'V2', 'V3')}
ONE_ROW = {'MatMul', 'SparseMatMul', 'SparseTensorDenseMatMul', 'L2Loss', 'FusedBatchNorm',
           'FusedBatchNormV2', 'FusedBatchNormV3'} \
    | {op for op in OPS if 'Conv' in op}


def unary(op):
    low, high = DOMAIN.get(op, (-3., 3.))

    def function(x):
        z = low + (high - low) * tf.sigmoid(x) if op in DOMAIN else x
        raw = getattr(RAW, op)
        return raw(**{op_def_registry.get(op).input_arg[0].name: z})
    return function
