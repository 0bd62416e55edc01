"""Words of a text as features."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ShapeError
from .axes import AxesOfInput
from .base import FeatureSet, join


@dataclass(frozen=True)
class Words(FeatureSet):
    """Each word as a feature: of X of shape (n, words, embedding) with all of its embedding, of token ids (n,
    words) each id.

    Examples
    --------
    >>> from deepexplain2.features import Words
    >>> Words()
    Words()
    """

    def of(self, rows):
        for shape in rows.shapes:
            if len(shape) < 2:
                raise ShapeError(f'a row of X has shape {shape[1:]}, and no axis of words')
        return join([AxesOfInput(shape[1:], [1], is_whole=True) for shape in rows.shapes])
