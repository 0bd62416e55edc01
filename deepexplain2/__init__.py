"""Attribution methods for TensorFlow graphs."""

from . import errors, plots, postprocess
from .attribution import methods
from .context import DeepExplain
from .evaluation import metrics
from .explainer import Explainer
from .explanation import Explanation
from .request.feeds import shared
from .targets import Target

__all__ = ['DeepExplain', 'Explainer', 'Explanation', 'Target', '__version__', 'errors', 'methods',
           'metrics', 'plots', 'postprocess', 'shared']
__version__ = '0.1.0'
