"""Attribution methods, one file each; importing this package registers them all."""

from .base import Method, Plan
from .gradient.gradient_input import GradientInput
from .gradient.integrated_gradients import IntegratedGradients
from .gradient.saliency import Saliency
from .layers.internal_influence import InternalInfluence
from .layers.layer_conductance import LayerConductance
from .layers.layer_deeplift import LayerDeepLift
from .layers.layer_gradient_x_activation import LayerGradientActivation
from .layers.layer_intgrad import LayerIntegratedGradients
from .perturbation.occlusion import Occlusion
from .perturbation.shapley_sampling import ShapleySampling
from .propagation.deeplift import DeepLift
from .propagation.elrp import EpsilonLRP
from .registry import methods, register

__all__ = ['DeepLift', 'EpsilonLRP', 'GradientInput', 'IntegratedGradients', 'InternalInfluence',
           'LayerConductance', 'LayerDeepLift', 'LayerGradientActivation', 'LayerIntegratedGradients',
           'Method', 'Occlusion', 'Plan', 'Saliency', 'ShapleySampling', 'methods', 'register']
