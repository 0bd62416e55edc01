"""One file per attribution method; importing this package registers them all."""

from .gradient import gradient_input, integrated_gradients, saliency
from .perturbation import occlusion, shapley_sampling
from .propagation import deeplift, elrp

__all__ = ['deeplift', 'elrp', 'gradient_input', 'integrated_gradients', 'occlusion', 'saliency', 'shapley_sampling']
