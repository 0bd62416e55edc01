"""Attribution methods, one file each; importing this package registers them all."""

from .base import Method, Plan
from .gradient.gradient import Gradient
from .gradient.gradient_input import GradientInput
from .gradient.integrated_gradients import IntegratedGradients
from .gradient.saliency import Saliency
from .gradient.smooth import Smooth, SquareGrad, VarGrad
from .perturbation.occlusion import Occlusion
from .perturbation.shapley_sampling import ShapleySampling
from .propagation.deeplift import DeepLift
from .propagation.elrp import EpsilonLRP
from .registry import methods, register

__all__ = ['DeepLift', 'EpsilonLRP', 'Gradient', 'GradientInput', 'IntegratedGradients', 'Method',
           'Occlusion', 'Plan', 'Saliency', 'ShapleySampling', 'Smooth', 'SquareGrad', 'VarGrad',
           'methods', 'register']
