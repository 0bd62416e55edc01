"""Types of ops for which no complete rule is known, and what to do where one stands between X and T."""

from __future__ import annotations

ALONG_A_PATH = ', or use a method that follows gradients along a path'
SORTED = 'what comes first depends on X: choose a T before it or an X behind it' + ALONG_A_PATH
SPARSE = 'sparse and ragged tensors are not followed: use dense ops' + ALONG_A_PATH
FORGED = 'its gradient is not that of its values: choose a T before it or an X behind it'
KINKED = 'it has corners that no closed rule covers: choose a T before it' + ALONG_A_PATH
FACTORED = 'its factors jump in sign and order: choose a T before it' + ALONG_A_PATH
ELSEWHERE = ('it sends values between devices or keeps them outside of the graph: explain the model on one '
             'device')
HIDDEN = ('what happens inside it is not seen: build the model with open ops (for Keras layers '
          'use_cudnn=False)' + ALONG_A_PATH)
REFUSED = {op_type: why for why, types in {
    SORTED: 'ApproxTopK NthElement IsotonicRegression DynamicPartition',
    SPARSE: '''CSRSparseMatrixToDense CSRSparseMatrixToSparseTensor DenseToCSRSparseMatrix SparseAdd
        SparseDenseCwiseAdd SparseDenseCwiseDiv SparseDenseCwiseMul SparseFillEmptyRows SparseMatrixAdd
        SparseMatrixMatMul SparseMatrixMul SparseMatrixSoftmax SparseMatrixSparseMatMul
        SparseMatrixTranspose SparseReduceSum SparseReorder SparseSlice SparseSoftmax
        SparseSparseMaximum SparseSparseMinimum SparseTensorDenseAdd SparseTensorToCSRSparseMatrix
        SparseToDense RaggedFillEmptyRows RaggedGather RaggedTensorFromVariant RaggedTensorToSparse
        RaggedTensorToTensor RaggedTensorToVariant''',
    FORGED: '''QuantizeAndDequantize QuantizeAndDequantizeV2 QuantizeAndDequantizeV3
        QuantizeAndDequantizeV4 QuantizeAndDequantizeV4Grad FakeQuantWithMinMaxVars
        FakeQuantWithMinMaxVarsPerChannel NextAfter RandomGamma StatelessRandomGammaV2
        StatelessRandomGammaV3 StatelessParameterizedTruncatedNormal CTCLoss CTCLossV2 EagerPyFunc
        TPUEmbeddingActivations''',
    KINKED: '''Dilation2D FractionalAvgPool FractionalMaxPool RGBToHSV TensorScatterMax TensorScatterMin
        MaxPoolGrad MaxPoolGradV2 MaxPoolGradGrad MaxPool3DGrad MaxPool3DGradGrad ReluGrad Relu6Grad
        LeakyReluGrad EluGrad SeluGrad ImageProjectiveTransformV2 ImageProjectiveTransformV3
        CropAndResize ScaleAndTranslate Angle''',
    FACTORED: 'Eig SelfAdjointEigV2 Svd Qr',
    HIDDEN: 'BlockLSTM BlockLSTMV2 CudnnRNN CudnnRNNV2 CudnnRNNV3 FusedBatchNormGrad FusedBatchNormGradV2 '
            'FusedBatchNormGradV3 XlaEinsum',
    ELSEWHERE: '''AllToAll CollectivePermute CrossReplicaSum NcclAllReduce NcclBroadcast NcclReduce
        CompositeTensorVariantFromComponents CompositeTensorVariantToComponents TensorArrayConcat
        TensorArrayConcatV2 TensorArrayGather TensorArrayGatherV2 TensorArrayRead TensorArrayReadV2
        TensorArrayScatter TensorArrayScatterV2 TensorArraySplit TensorArraySplitV2 TensorArrayWrite
        TensorArrayWriteV2''',
}.items() for op_type in types.split()}
