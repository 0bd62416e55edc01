"""Attribution methods for TensorFlow graphs."""

from . import attribution as _registered  # noqa: F401  (importing it registers the methods)
from . import errors
from .attribution.registry import methods
from .context import DeepExplain
from .explainer import Explainer

__all__ = ['DeepExplain', 'Explainer', '__version__', 'errors', 'methods']
__version__ = '0.1.0'
