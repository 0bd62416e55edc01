"""The networks of completeness_models.py in torch, with the weights of the Keras ones."""

import torch
from torch import nn

ACTIVATIONS = {
    'relu': nn.ReLU, 'leaky_relu': lambda: nn.LeakyReLU(.2), 'relu6': nn.ReLU6, 'elu': nn.ELU,
               'selu': nn.SELU, 'celu': nn.CELU,
    'sigmoid': nn.Sigmoid, 'tanh': nn.Tanh, 'softplus': nn.Softplus, 'softsign': nn.Softsign,
               'softmax': lambda: nn.Softmax(-1),
    'gelu': nn.GELU, 'silu': nn.SiLU, 'mish': nn.Mish, 'hard_sigmoid': nn.Hardsigmoid,
               'hard_silu': nn.Hardswish, 'hard_tanh': nn.Hardtanh,
    'hard_shrink': nn.Hardshrink, 'soft_shrink': nn.Softshrink, 'tanh_shrink': nn.Tanhshrink,
               'threshold': lambda: nn.Threshold(.1, 0.),
    'glu': nn.GLU, 'log_sigmoid': nn.LogSigmoid, 'log_softmax': lambda: nn.LogSoftmax(-1),
               'linear': nn.Identity,
}


class Permute(nn.Module):
    def __init__(self, *axes):
        super().__init__()
        self.axes = axes

    def forward(self, x):
        return x.permute(*self.axes)


class Last(nn.Module):
    """The output of a recurrent layer at the last step."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        h = self.layer(x)[0]
        n = self.layer.hidden_size
        return torch.cat([h[:, -1, :n], h[:, 0, n:]], 1)        # backwards the last step is the first


class Block(nn.Module):
    """Attention, then two dense layers, each added and normalized."""

    def __init__(self, take):
        super().__init__()
        self.attention = attention(take)
        self.norm = norm(take)
        self.dense = nn.Sequential(dense(take), nn.GELU(), dense(take))
        self.norm_dense = norm(take)

    def forward(self, h):
        h = self.norm(h + self.attention(h, h, h, need_weights=False)[0])
        return self.norm_dense(h + self.dense(h))


class MeanOfSteps(nn.Module):
    def forward(self, x):
        return x.mean(1)


def build(key, weights):
    """The torch module, or None."""
    arrays = iter(torch.tensor(w) for w in weights)

    def take():
        return next(arrays)
    kind, name = key
    if kind in ('MLP', 'CNN') and name in ACTIVATIONS:
        f = ACTIVATIONS[name]
        if kind == 'MLP':
            return nn.Sequential(dense(take), f(), dense(take), f(), dense(take))
        last, first = Permute(0, 2, 3, 1), Permute(0, 3, 1, 2)
        return nn.Sequential(first, conv(take), last, f(), Permute(0, 3, 1, 2), nn.MaxPool2d(2),
                             Permute(0, 2, 3, 1), nn.Flatten(),
                             dense(take), f(), dense(take))
    if name in ('LSTM', 'GRU', 'Bidirectional LSTM'):
        return nn.Sequential(Last(gates(take, nn.GRU if name == 'GRU' else nn.LSTM,
                                        1 + name.startswith('Bi'))), dense(take))
    if name == 'two-block transformer':
        return nn.Sequential(Block(take), Block(take), MeanOfSteps(), dense(take))
    return None


def parameters(module, **values):
    """module with these parameters, all of it."""
    module.load_state_dict({name: value.contiguous() for name, value in values.items()})
    return module


def dense(take):
    kernel, bias = take(), take()
    return parameters(nn.Linear(*kernel.shape), weight=kernel.T, bias=bias)


def conv(take):
    kernel, bias = take(), take()
    h, w, channels, filters = kernel.shape
    return parameters(nn.Conv2d(channels, filters, (h, w)), weight=kernel.permute(3, 2, 0, 1), bias=bias)


def norm(take):
    gamma, beta = take(), take()
    return parameters(nn.LayerNorm(len(gamma), eps=1e-3), weight=gamma, bias=beta)


def gates(take, layer, directions):
    """Keras has the gates of an LSTM in the order of torch and one bias, those of a GRU as z, r, h and torch
    as r, z, h."""
    values = {}
    for suffix in ['', '_reverse'][:directions]:
        kernel, recurrent, bias = take(), take(), take()
        if layer is nn.LSTM:
            bias = torch.stack([bias, torch.zeros_like(bias)])
        else:
            kernel, recurrent, bias = (torch.cat([t[..., n:2 * n], t[..., :n], t[..., 2 * n:]], -1)
                                       for t in (kernel, recurrent, bias) for n in [t.shape[-1] // 3])
        values |= {f'weight_ih_l0{suffix}': kernel.T, f'weight_hh_l0{suffix}': recurrent.T,
                   f'bias_ih_l0{suffix}': bias[0],
                   f'bias_hh_l0{suffix}': bias[1]}
    return parameters(layer(kernel.shape[0], recurrent.shape[0], batch_first=True,
                            bidirectional=directions == 2), **values)


def attention(take):
    """Keras keeps query, key and value as (features, heads, size), and the output as (heads, size,
    features)."""
    kernels, biases = zip(*((take(), take()) for _ in range(4)))
    d, heads, _ = kernels[0].shape
    return parameters(nn.MultiheadAttention(d, heads, batch_first=True),
                      in_proj_weight=torch.cat([k.reshape(d, -1).T for k in kernels[:3]]),
                      in_proj_bias=torch.cat([b.reshape(-1) for b in biases[:3]]), **{
                          'out_proj.weight': kernels[3].reshape(-1, d).T, 'out_proj.bias': biases[3]})
