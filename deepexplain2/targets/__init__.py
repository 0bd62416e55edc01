"""What of the outputs of a model is explained, as objects."""

from .base import Target

__all__ = ['Target']
