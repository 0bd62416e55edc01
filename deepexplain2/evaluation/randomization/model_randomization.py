"""Model randomization: whether attributions are those of the weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...parameters import Count, Seed
from ..base import Metric, defined, register
from ..scores import Curve, Measured
from ..similarity import Similarity, alike


@register('model_randomization')
@dataclass(frozen=True)
class ModelRandomization(Metric):
    """How alike the attributions are to those of the model with random weights (Adebayo et al. 2018). Metric
    'model_randomization'; lower is better.

    Parameters
    ----------
    order : 'top_down', 'bottom_up' or 'independent', default 'top_down'
        From T on, layer after layer, with those before (cascading); from X on; or one layer at a time.
    steps : int, default 10
        Into how many groups the layers are put where there are more.
    similarity : 'spearman', 'ssim', 'pearson' or function, default 'spearman'
        Of two arrays of attributions, or lists for several inputs, a number per row.
    how : 'permute' or 'normal', default 'permute'
        What weights become: their own entries in another order, or draws from the normal distribution with
        their mean and standard deviation.
    seed : int, default 0
        Seed of the draws.

    Notes
    -----
    The mean similarity over the steps; curve.y has it after each, curve.labels the layers. The weights are
    changed in a copy of the graph, never in the model. Rows whose attributions are all equal count as 0, with
    a warning. Xplique draws weights from 0 to 1, and only once.

    Cost: 1 explanation per row and step, each with a graph of its own that is compiled.

    References
    ----------
    Adebayo, Gilmer, Muelly, Goodfellow, Hardt, Kim (2018). Sanity checks for saliency maps, section 3.
    arXiv:1810.03292

    Examples
    --------
    >>> scores = de.evaluate('model_randomization', T.name, X.name, xs, 'intgrad', labels)
    >>> scores.curve.y.shape, len(scores.curve.labels)
    ((2, 1), 1)
    """

    order: Literal['top_down', 'bottom_up', 'independent'] = 'top_down'
    steps: Count = 10
    similarity: Similarity = 'spearman'
    how: Literal['permute', 'normal'] = 'permute'
    seed: Seed = 0

    better = 'lower'
    needs_method = True

    def score(self, trial):
        layers = trial.randomizer.layers
        ordered = layers[::-1] if self.order == 'bottom_up' else layers
        groups = [list(g) for g in np.array_split(np.array(ordered, object), min(self.steps, len(ordered)))]
        found: list[np.ndarray] = []
        changed: list[str] = []
        for group in groups:
            changed = group if self.order == 'independent' else changed + group
            found.append(alike(self.similarity, trial.attributions,
                               trial.randomizer(changed, self.seed, self.how)))
        y = np.stack(found, 1)
        known = np.where(np.isnan(y), 0, y)
        defined(np.where(np.isnan(y).any(1), np.nan, 0), self, 'at steps where all attributions are equal')
        return Measured(known.mean(1), Curve(np.arange(1, len(groups) + 1) / len(groups), known,
                                             tuple(group[-1] for group in groups)))
