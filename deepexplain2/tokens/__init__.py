"""Token ids as X, explained at their embedding lookups."""

from .explainer import TokenExplainer

__all__ = ['TokenExplainer']
