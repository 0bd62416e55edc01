"""The networks of speed.py in torch, from what speed_models.py has written of the Keras ones: channels first,
every layer and activation a module of its own, as Captum asks for."""

import completeness_torch
import torch
from captum.attr._utils.custom_modules import Addition_Module
from torch import nn

ACTIVATIONS = {'relu': nn.ReLU, 'gelu': nn.GELU}


class Network(nn.Module):
    """Modules and functions, each with the names of what it takes; images are (n, c, h, w), sequences (n,
    steps, features)."""

    def __init__(self, described, weights):
        super().__init__()
        self.steps, self.layers = [], nn.ModuleDict()
        channels = {}                       # of what is flattened, by name
        for layer in described[1:]:
            arrays = [torch.tensor(weights[f'{layer["name"]}:{k}']) for k in range(layer['weights'])]
            if layer['kind'] == 'Flatten':
                channels[layer['name']] = layer['shapes'][0][-1]
            if layer['inputs'][0] in channels:          # rows of the kernel in the order (c, h, w)
                kernel, c = arrays[0], channels[layer['inputs'][0]]
                arrays[0] = kernel.reshape(-1, c, kernel.shape[1]).transpose(0, 1).reshape(kernel.shape)
            before, module = KINDS[layer['kind']](layer['config'], layer['shapes'][0], iter(arrays).__next__)
            if module is not None:
                self.layers[layer['name']] = module
            if layer['kind'] in ACTIVATED and layer['config'].get('activation', 'linear') != 'linear':
                raise ValueError(f'{layer["name"]}: an activation that is no layer of its own')
            self.steps.append((layer['name'], layer['inputs'], before, LAST.get(layer['kind'])))
        self.first, self.last = described[0]['name'], described[-1]['name']

    def forward(self, x):
        values = {self.first: x}
        for name, inputs, before, after in self.steps:
            taken = [values[i] for i in inputs]
            if before is not None:
                taken = [before(t) for t in taken]
            h = self.layers[name](*taken) if name in self.layers else taken[0]
            values[name] = h if after is None else after(h)
        return values[self.last]


def swapped(h):
    return h.transpose(1, 2)


def padding(config, shape, kernel):
    """What to do before a convolution without padding of its own, and the padding that it does itself."""
    if config['padding'] == 'valid':
        return None, 0
    strides = config['strides']
    total = [max((-(-size // s) - 1) * s + k - size, 0) for size, s, k in zip(shape, strides, kernel)]
    if all(t % 2 == 0 for t in total):
        return None, [t // 2 for t in total]
    sides = [p for t in reversed(total) for p in (t // 2, t - t // 2)]
    return lambda h: nn.functional.pad(h, sides), 0


def conv2d(config, shape, take, depthwise=False):
    kernel = take()
    before, pad = padding(config, shape, kernel.shape)
    weight = kernel.permute(2, 3, 0, 1) if depthwise else kernel.permute(3, 2, 0, 1)
    module = nn.Conv2d(shape[-1], shape[-1] if depthwise else kernel.shape[3], kernel.shape[:2],
                       config['strides'], pad,
                       groups=shape[-1] if depthwise else 1, bias=config['use_bias'])
    return before, completeness_torch.parameters(module, weight=weight,
                                                 **({'bias': take()} if config['use_bias'] else {}))


def conv1d(config, shape, take):
    kernel, bias = take(), take()
    module = nn.Conv1d(kernel.shape[1], kernel.shape[2], kernel.shape[0])
    return swapped, completeness_torch.parameters(module, weight=kernel.permute(2, 1, 0), bias=bias)


def norm2d(config, shape, take):
    gamma, beta, mean, variance = (take() for _ in range(4))
    module = nn.BatchNorm2d(len(gamma), eps=config['epsilon'])
    return None, completeness_torch.parameters(module, weight=gamma, bias=beta, running_mean=mean,
                                               running_var=variance,
                                               num_batches_tracked=torch.tensor(0))


def relu(config, shape, take):
    return None, nn.ReLU() if config.get('max_value') is None else nn.ReLU6()


def pad2d(config, shape, take):
    (top, bottom), (left, right) = config['padding']
    return lambda h: nn.functional.pad(h, (left, right, top, bottom)), None


def attention(config, shape, take):
    return None, Attention(completeness_torch.attention(take))


class Attention(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, query, value):
        return self.layer(query, value, value, need_weights=False)[0]


KINDS = {
    'Conv2D': conv2d, 'DepthwiseConv2D': lambda config, shape, take: conv2d(config, shape, take, True),
         'Conv1D': conv1d,
    'BatchNormalization': norm2d, 'ReLU': relu, 'ZeroPadding2D': pad2d, 'MultiHeadAttention': attention,
    'Activation': lambda config, shape, take: (None, ACTIVATIONS[config['activation']]()),
    'Dense': lambda config, shape, take: (None, completeness_torch.dense(take)),
    'MaxPooling2D': lambda config, shape, take: (None, nn.MaxPool2d(config['pool_size'], config['strides'])),
    'GlobalMaxPooling1D': lambda config, shape, take: (swapped, nn.MaxPool1d(shape[0])),
    'GlobalAveragePooling2D': lambda config, shape, take: (None, nn.AdaptiveAvgPool2d(1)),
    'GlobalAveragePooling1D': lambda config, shape, take: (lambda h: h.mean(1), None),
    'Flatten': lambda config, shape, take: (lambda h: h.flatten(1), None),
    'Add': lambda config, shape, take: (None, Addition_Module()),
    'LayerNormalization': lambda config, shape, take: (None, completeness_torch.norm(take)),
    'LSTM': lambda config, shape, take: (None, completeness_torch.Last(completeness_torch.gates(take, nn.LSTM,
                                                                                                1))),
}
ACTIVATED = 'Conv2D', 'DepthwiseConv2D', 'Conv1D', 'Dense'
LAST = {'Conv1D': swapped, 'GlobalMaxPooling1D': lambda h: h.squeeze(-1),
        'GlobalAveragePooling2D': lambda h: h.flatten(1)}
