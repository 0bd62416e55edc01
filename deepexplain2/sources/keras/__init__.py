"""Keras models, as they are called for inference."""

from .model import from_keras

__all__ = ['from_keras']
