"""Attribution methods, one file each; importing this package registers them all."""

from .base import Method, Plan
from .gradient.gradient_input import GradientInput
from .gradient.integrated_gradients import IntegratedGradients
from .gradient.saliency import Saliency
from .perturbation.occlusion import Occlusion
from .perturbation.shapley_sampling import ShapleySampling
from .propagation.deconvnet import DeconvNet
from .propagation.deeplift import DeepLift
from .propagation.elrp import EpsilonLRP
from .propagation.guided_backprop import GuidedBackprop
from .registry import methods, register

__all__ = ['DeconvNet', 'DeepLift', 'EpsilonLRP', 'GradientInput', 'GuidedBackprop', 'IntegratedGradients',
           'Method', 'Occlusion', 'Plan', 'Saliency',
           'ShapleySampling', 'methods', 'register']
