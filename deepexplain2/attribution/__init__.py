"""One file per attribution method; importing this package registers them all."""

from .gradient import gradient_input, integrated_gradients, saliency
from .perturbation import occlusion, shapley_sampling  # noqa: F401
from .propagation import deeplift, elrp
