"""Attribution methods, one file each; importing this package registers them all."""

from .base import Method, Plan
from .gradient.gradient import Gradient
from .gradient.gradient_input import GradientInput
from .gradient.integrated_gradients import IntegratedGradients
from .gradient.meaningful_perturbation import MeaningfulPerturbation
from .gradient.saliency import Saliency
from .gradient.smooth import Smooth, SquareGrad, VarGrad
from .gradient.xrai import XRAI
from .layers.eigen_cam import EigenCAM
from .layers.fem import FEM
from .layers.grad_cam import GradCAM
from .layers.grad_cam_plus_plus import GradCAMPlusPlus
from .layers.guided_grad_cam import GuidedGradCAM
from .layers.hires_cam import HiResCAM
from .layers.internal_influence import InternalInfluence
from .layers.layer_cam import LayerCAM
from .layers.layer_conductance import LayerConductance
from .layers.layer_deeplift import LayerDeepLift
from .layers.layer_gradient_x_activation import LayerGradientActivation
from .layers.layer_intgrad import LayerIntegratedGradients
from .layers.score_cam import ScoreCAM
from .layers.xgrad_cam import XGradCAM
from .perturbation.hsic import HSIC
from .perturbation.kernel_shap import KernelShap
from .perturbation.lime import Lime
from .perturbation.occlusion import Occlusion
from .perturbation.owen import Owen
from .perturbation.rise import Rise
from .perturbation.shapley import Shapley
from .perturbation.shapley_sampling import ShapleySampling
from .perturbation.sobol import Sobol
from .propagation.deconvnet import DeconvNet
from .propagation.deeplift import DeepLift
from .propagation.elrp import EpsilonLRP
from .propagation.guided_backprop import GuidedBackprop
from .propagation.lrp import LRP
from .registry import methods, register

__all__ = ['FEM', 'HSIC', 'LRP', 'XRAI', 'DeconvNet', 'DeepLift', 'EigenCAM', 'EpsilonLRP', 'GradCAM',
           'GradCAMPlusPlus', 'Gradient', 'GradientInput', 'GuidedBackprop', 'GuidedGradCAM',
           'HiResCAM', 'IntegratedGradients', 'InternalInfluence', 'KernelShap', 'LayerCAM',
           'LayerConductance', 'LayerDeepLift', 'LayerGradientActivation',
           'LayerIntegratedGradients', 'Lime', 'MeaningfulPerturbation', 'Method',
           'Occlusion', 'Owen', 'Plan', 'Rise', 'Saliency', 'ScoreCAM', 'Shapley', 'ShapleySampling',
           'Smooth', 'Sobol', 'SquareGrad', 'VarGrad', 'XGradCAM', 'methods', 'register']
