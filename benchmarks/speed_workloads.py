"""What speed.py measures: networks, rows and the parameters of methods, which are those of all libraries."""

import math
from typing import NamedTuple

TARGET = 3                      # the output that is explained
STEPS = 50                      # of path integrals
SAMPLES = 50                    # of smoothgrad
LOW, HIGH = -6, 6               # the bounds of X for 'lrp epsilon_gamma_box'
CORE = ['saliency', 'grad*input', 'elrp', 'deeplift', 'intgrad', 'occlusion', 'shapley_sampling']
LAYER_INTEGRALS = ['layer_intgrad', 'layer_conductance', 'internal_influence']
LAYERS = ['grad_cam', 'grad_cam++', 'layer_gradient_x_activation', 'layer_deeplift', *LAYER_INTEGRALS]
LRP = ['lrp epsilon_plus_flat', 'lrp epsilon_alpha2_beta1_flat', 'lrp epsilon_gamma_box']
WHITE_BOX = ['smoothgrad', 'guided_backprop', 'deconvnet', 'guided_grad_cam', *LAYERS, *LRP]
CELLS = 7                       # along each axis of images: the features of the methods below
MASKS = 256                     # of rise, lime, kernel_shap and hsic
DESIGN = 8                      # samples of sobol
BLACK_BOX = ['occlusion cells', 'rise', 'lime', 'kernel_shap', 'sobol', 'hsic']
METHODS = CORE + WHITE_BOX + BLACK_BOX


class Workload(NamedTuple):
    """window: of occlusion, which is also its step. players: the axes of shapley_sampling. left_out: {method:
    from how many rows on}, what takes minutes. quick: how many of the row counts a quick run measures, or 0.
    compiled: what is measured with jit_compile too (convolutions by XLA take many times as long). methods:
    what is measured at all."""
    title: str
    shape: tuple
    rows: tuple
    window: tuple
    players: tuple
    left_out: dict = {}
    quick: int = 1
    compiled: tuple = tuple(CORE)
    methods: tuple = tuple(CORE)


LONG = {'smoothgrad': 8, **dict.fromkeys(LAYER_INTEGRALS, 8)}
WORKLOADS = {
    'mnist': Workload('MNIST CNN, 28x28', (28, 28, 1), (1, 32, 256), (4, 4, 1), (1, 2),
                      {'shapley_sampling': 256, **dict.fromkeys(BLACK_BOX, 256)}, methods=METHODS),
    'mobilenet': Workload('MobileNetV2, 224x224', (224, 224, 3), (1, 8), (56, 56, 3), (1,),
                          {'intgrad': 8, 'shapley_sampling': 8, **LONG, **dict.fromkeys(BLACK_BOX, 8)}, 0,
                          ('saliency', 'deeplift'), METHODS),
    'resnet': Workload('ResNet50, 224x224', (224, 224, 3), (1, 8), (56, 56, 3), (3,),
                       {'intgrad': 8, 'occlusion': 8, 'shapley_sampling': 8, **LONG}, 0,
                       (), CORE + WHITE_BOX),
    'vgg': Workload('VGG-style CNN, 64x64', (64, 64, 3), (1, 32), (16, 16, 3), (1,),
                    {'intgrad': 32, 'shapley_sampling': 32, **dict.fromkeys([*LONG, *BLACK_BOX], 32)}, 0,
                    ('saliency', 'deeplift'), METHODS),
    'mlp': Workload('MLP 100-512-512-10', (100,), (1, 1024), (1,), (1,)),
    'conv1d': Workload('Embedding, Conv1D', (128, 64), (1, 32), (1, 64), (1,)),
    'lstm': Workload('Embedding, LSTM(128)', (128, 64), (1, 32), (8, 64), (1,), {'shapley_sampling': 32}, 0),
    'transformer': Workload('Transformer encoder', (64, 64), (1, 32), (1, 64), (1,)),
}


def evaluations(workload, method):
    """(kind, number per row) of the evaluations that the method cannot do without: of the gradient, the
    value, or the gradient at the layer."""
    w = WORKLOADS[workload]
    if method == 'occlusion':
        return 'value', 1 + math.prod(size // window for size, window in zip(w.shape, w.window))
    if method == 'shapley_sampling':
        return 'value', 1 + math.prod(w.shape[axis - 1] for axis in w.players)
    if method in BLACK_BOX:
        cells = CELLS ** 2
        return 'value', {'occlusion cells': cells + 1, 'sobol': DESIGN * (cells + 2)}.get(method, MASKS)
    if method in LAYERS:
        return 'layer gradient', STEPS if method in LAYER_INTEGRALS else 1
    return 'gradient', {'intgrad': STEPS, 'smoothgrad': SAMPLES}.get(method, 1)


def left_out(workload, method, rows):
    w = WORKLOADS[workload]
    return method not in w.methods or rows >= w.left_out.get(method, rows + 1)


def layer(described):
    """The name of the layer of the layer methods: the last activation with channels and spatial axes."""
    return [d['name'] for d in described
            if d['kind'] in ('ReLU', 'Activation') and len(d['shapes'][0]) == 3][-1]
