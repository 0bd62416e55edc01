"""What of the outputs of a model is explained, as objects."""

from .base import Target
from .function import FunctionTarget

__all__ = ['FunctionTarget', 'Target']
