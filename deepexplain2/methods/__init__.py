"""One file per attribution method; importing this package registers them all."""

from . import deeplift, elrp, gradient_input, integrated_gradients, occlusion, saliency, shapley_sampling  # noqa: F401
