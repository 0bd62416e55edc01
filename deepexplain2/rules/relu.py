"""Rules at ReLU: what takes the place of its gradient in guided backpropagation and deconvnet."""

from __future__ import annotations

import tensorflow as tf

RELUS = 'Relu', 'Relu6'
# no activations: nothing is said of them
WITHOUT_WARNING = frozenset('''MaxPool MaxPoolV2 MaxPool3D MaxPoolWithArgmax Max Min SegmentMax SegmentMin
    UnsortedSegmentMax UnsortedSegmentMin TopK TopKV2 Softmax LogSoftmax SoftmaxCrossEntropyWithLogits
    SparseSoftmaxCrossEntropyWithLogits FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 Mul MulNoNan MatMul
    BatchMatMul BatchMatMulV2 BatchMatMulV3 Einsum RealDiv Div DivNoNan Square SquaredDifference Sqrt
    Rsqrt'''.split())


def guided(op, r, varying):
    """r_in = r [r > 0] f'(z) (Springenberg et al. 2015); f'(z) is 0 above the 6 of Relu6 too."""
    backward = tf.raw_ops.Relu6Grad if op.type == 'Relu6' else tf.raw_ops.ReluGrad
    return backward(gradients=tf.nn.relu(r), features=op.outputs[0])


def deconvnet(op, r, varying):
    """r_in = r [r > 0] (Zeiler and Fergus 2014), whatever z is."""
    return tf.nn.relu(r)
