"""The check that a graph is the model it was made from: a few rows go through both."""

from .check import check

__all__ = ['check']
