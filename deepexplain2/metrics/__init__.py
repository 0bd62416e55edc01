"""Metrics of attributions; each one is a frozen dataclass that derives from Metric."""

from .base import Metric, Scores

__all__ = ['Metric', 'Scores']
