"""The softmax or sigmoid that a tensor comes out of, and its logits, also where ops in between only move or
clip the values."""

from .found import Mixed, Squashed, is_log
from .search import logits, squashing

__all__ = ['Mixed', 'Squashed', 'is_log', 'logits', 'squashing']
