"""Attribution methods for TensorFlow graphs."""

from . import errors
from .attribution import methods
from .context import DeepExplain
from .explainer import Explainer

__all__ = ['DeepExplain', 'Explainer', '__version__', 'errors', 'methods']
__version__ = '0.1.0'
