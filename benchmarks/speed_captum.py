"""The sides of speed.py in torch: Captum and zennit, on the port of the networks."""

import json
import math
import sys
import types

import numpy as np
import speed_torch
import torch
from captum import attr
from captum.attr._core.lrp import SUPPORTED_LAYERS_WITH_RULES
from captum.attr._utils.custom_modules import Addition_Module
from captum.attr._utils.lrp_rules import EpsilonRule
from speed_ours import EPSILON
from speed_rates import method_batch
from speed_workloads import (
    CELLS,
    HIGH,
    LAYER_INTEGRALS,
    LOW,
    MASKS,
    SAMPLES,
    STEPS,
    TARGET,
    WORKLOADS,
    layer,
)

KINDS = {'saliency': attr.Saliency, 'grad*input': attr.InputXGradient, 'elrp': attr.LRP,
         'deeplift': attr.DeepLift, 'intgrad': attr.IntegratedGradients, 'occlusion': attr.Occlusion,
         'shapley_sampling': attr.ShapleyValueSampling, 'guided_backprop': attr.GuidedBackprop,
         'deconvnet': attr.Deconvolution, 'occlusion cells': attr.FeatureAblation, 'lime': attr.Lime,
         'kernel_shap': attr.KernelShap, 'smoothgrad': lambda model: attr.NoiseTunnel(attr.Saliency(model))}
AT_LAYER = {'guided_grad_cam': attr.GuidedGradCam, 'grad_cam': attr.LayerGradCam,
            'layer_gradient_x_activation': attr.LayerGradientXActivation,
            'layer_deeplift': attr.LayerDeepLift, 'layer_intgrad': attr.LayerIntegratedGradients,
            'layer_conductance': attr.LayerConductance, 'internal_influence': attr.InternalInfluence}


def without_torchvision():
    """zennit wants two classes of torchvision for networks that are not measured; the wheels of torchvision
    do not load beside a torch without CUDA."""
    for name in 'torchvision', 'torchvision.models', 'torchvision.models.resnet':
        sys.modules[name] = types.ModuleType(name)
    for name in 'Bottleneck', 'BasicBlock':
        setattr(sys.modules['torchvision.models.resnet'], name, type(name, (), {}))


class Added(torch.nn.Module):
    """A sum for which zennit has a rule."""

    def __init__(self):
        from zennit.layer import Sum
        super().__init__()
        self.sum = Sum()

    def forward(self, *parts):
        return self.sum(torch.stack(parts, -1))


class Torch:
    """The port of a network, and its raw values and gradients."""

    def __init__(self, folder):
        self.described = json.loads((folder / 'layers.json').read_text())
        with np.load(folder / 'weights.npz') as weights:
            self.model = speed_torch.Network(self.described, weights).eval()

    def outputs(self, xs):
        return self.raw('value', xs)().numpy()

    def tensor(self, a):
        return torch.tensor(np.ascontiguousarray(np.moveaxis(a, -1, 1) if a.ndim == 4 else a))

    def raw(self, kind, xs):
        x = self.tensor(xs).requires_grad_(kind == 'gradient')

        def run():
            with torch.set_grad_enabled(kind == 'gradient'):
                outputs = self.model(x)
                return outputs if kind == 'value' else torch.autograd.grad(outputs[:, TARGET].sum(), x)[0]
        return run


def in_keras_order(found):
    found = found.detach().numpy()
    return np.moveaxis(found, 1, -1) if found.ndim == 4 else found


class Captum(Torch):
    """Captum; a batch size where it takes one."""
    packages = 'captum', 'torch'

    def method(self, name, workload, xs):
        x = self.tensor(xs)
        options = self._options(name, WORKLOADS[workload], xs, method_batch(self, name, workload, xs))
        if name in AT_LAYER:
            explainer = AT_LAYER[name](self.model, self.model.layers[layer(self.described)])
        else:
            explainer = KINDS[name](self.model)

        def run():
            if name == 'elrp':
                self._rules()                   # Captum takes them off after every call
            if name in ('lime', 'kernel_shap'):     # of a batch they make one model: row by row
                found = torch.cat([explainer.attribute(row, target=TARGET, **options)
                                   for row in x.detach().split(1)])
            else:
                found = explainer.attribute(x.detach(), target=TARGET, **options)
            if name == 'grad_cam':
                found = attr.LayerAttribution.interpolate(found, x.shape[2:], 'bilinear')
            return in_keras_order(found)
        setting = {k: v for k, v in options.items() if k in ('internal_batch_size', 'perturbations_per_eval',
                                                             'nt_samples_batch_size')}
        return run, setting

    def _options(self, name, w, xs, batch):
        """What `attribute` takes."""
        together = {'perturbations_per_eval': max(1, batch // len(xs))}
        if name in ('deeplift', 'layer_deeplift'):
            return {'baselines': self.tensor(np.zeros_like(xs[:1]))}
        if name == 'intgrad' or name in LAYER_INTEGRALS:
            return {'n_steps': STEPS, 'internal_batch_size': max(batch, len(xs))}
        if name == 'smoothgrad':
            return {'nt_samples': SAMPLES, 'nt_samples_batch_size': max(1, batch // len(xs)), 'stdevs': 1.,
                    'abs': False}
        if name == 'grad_cam':
            return {'relu_attributions': True}
        if name == 'guided_grad_cam':
            return {'interpolate_mode': 'bilinear'}
        if name == 'occlusion':
            window = w.window[-1:] + w.window[:-1] if len(w.window) == 3 else w.window
            return {'sliding_window_shapes': window, 'strides': window, **together}
        if name in ('occlusion cells', 'lime', 'kernel_shap'):
            height, width = (np.arange(s) * CELLS // s for s in w.shape[:2])
            mask = self.tensor(np.broadcast_to((height[:, None] * CELLS + width)[None, :, :, None],
                                               (1, *w.shape)))
            if name == 'occlusion cells':
                return {'feature_mask': mask, **together}
            return {'feature_mask': mask, 'n_samples': MASKS, 'perturbations_per_eval': max(1, batch)}
        if name == 'shapley_sampling':
            sizes = [w.shape[a - 1] if a in w.players else 1 for a in range(1, len(w.shape) + 1)]
            mask = np.broadcast_to(np.arange(math.prod(sizes)).reshape(1, *sizes), (1, *w.shape))
            return {'n_samples': 1, 'feature_mask': self.tensor(mask), **together}
        return {}

    def _rules(self):
        for module in self.model.modules():
            if isinstance(module, (*SUPPORTED_LAYERS_WITH_RULES, torch.nn.Conv1d)):
                module.rule = EpsilonRule(EPSILON)


class Zennit(Torch):
    """zennit, its composites with batch normalization merged into the layer before."""
    packages = 'zennit', 'torch'

    def __init__(self, folder):
        without_torchvision()
        super().__init__(folder)
        for name, module in self.model.layers.items():
            if isinstance(module, Addition_Module):
                self.model.layers[name] = Added()

    def method(self, name, workload, xs):
        from zennit import composites
        from zennit.attribution import Gradient
        from zennit.canonizers import SequentialMergeBatchNorm
        x = self.tensor(xs)
        kind = name.split()[1]
        make = {'epsilon_plus_flat': composites.EpsilonPlusFlat,
                'epsilon_alpha2_beta1_flat': composites.EpsilonAlpha2Beta1Flat,
                'epsilon_gamma_box': composites.EpsilonGammaBox}[kind]
        bounds = {'low': torch.full_like(x[:1], LOW), 'high': torch.full_like(x[:1], HIGH)} \
            if kind == 'epsilon_gamma_box' else {}
        composite = make(canonizers=[SequentialMergeBatchNorm()], **bounds)
        chosen = torch.nn.functional.one_hot(torch.tensor(TARGET), 10)

        def run():
            with Gradient(self.model, composite) as attributor:
                return in_keras_order(attributor(x, lambda outputs: outputs * chosen)[1])
        return run, {}
