"""Attribution methods for TensorFlow graphs."""

from . import errors
from . import methods as _registered  # noqa: F401  (importing it registers the methods)
from .context import DeepExplain
from .explainer import Explainer
from .registry import methods

__all__ = ['DeepExplain', 'Explainer', '__version__', 'errors', 'methods']
__version__ = '0.1.0'
