"""What speed.py measures: networks, rows and the parameters of methods, which are those of all libraries."""

from typing import NamedTuple

TARGET = 3                      # the output that is explained
STEPS = 50                      # of intgrad
METHODS = ['saliency', 'grad*input', 'elrp', 'deeplift', 'intgrad', 'occlusion', 'shapley_sampling']


class Workload(NamedTuple):
    """window: of occlusion, which is also its step. players: the axes of shapley_sampling. left_out: {method:
    from how many rows on}, what takes minutes. quick: how many of the row counts a quick run measures, or 0.
    compiled: what is measured with jit_compile too (convolutions by XLA take many times as long)."""
    title: str
    shape: tuple
    rows: tuple
    window: tuple
    players: tuple
    left_out: dict = {}
    quick: int = 1
    compiled: tuple = tuple(METHODS)


WORKLOADS = {
    'mnist': Workload('MNIST CNN, 28x28', (28, 28, 1), (1, 32, 256), (4, 4, 1), (1, 2),
                      {'shapley_sampling': 256}),
    'mobilenet': Workload('MobileNetV2, 224x224', (224, 224, 3), (1, 8), (56, 56, 3), (1,),
                          {'intgrad': 8, 'shapley_sampling': 8}, 0,
                          ('saliency', 'deeplift')),
    'resnet': Workload('ResNet50, 224x224', (224, 224, 3), (1, 8), (56, 56, 3), (3,),
                       {'intgrad': 8, 'occlusion': 8, 'shapley_sampling': 8}, 0,
                       ()),
    'vgg': Workload('VGG-style CNN, 64x64', (64, 64, 3), (1, 32), (16, 16, 3), (1,),
                    {'intgrad': 32, 'shapley_sampling': 32}, 0,
                    ('saliency', 'deeplift')),
    'mlp': Workload('MLP 100-512-512-10', (100,), (1, 1024), (1,), (1,)),
    'conv1d': Workload('Embedding, Conv1D', (128, 64), (1, 32), (1, 64), (1,)),
    'lstm': Workload('Embedding, LSTM(128)', (128, 64), (1, 32), (8, 64), (1,), {'shapley_sampling': 32}, 0),
    'transformer': Workload('Transformer encoder', (64, 64), (1, 32), (1, 64), (1,)),
}


def evaluations(workload, method):
    """(gradients, values) per row that the method cannot do without."""
    w = WORKLOADS[workload]
    if method == 'intgrad':
        return STEPS, 0
    if method == 'occlusion':
        windows = 1
        for size, window in zip(w.shape, w.window):
            windows *= size // window
        return 0, windows + 1
    if method == 'shapley_sampling':
        players = 1
        for axis in w.players:
            players *= w.shape[axis - 1]
        return 0, players + 1
    return 1, 0


def left_out(workload, method, rows):
    return rows >= WORKLOADS[workload].left_out.get(method, rows + 1)
