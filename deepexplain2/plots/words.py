"""Documents as words with their attributions."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import ParameterError, ShapeError, ValueRangeError
from ..names import short_name
from .given import Given, given, is_explanation, numbers
from .scale import Scale

SPACES = '▁', 'Ġ'           # what SentencePiece and byte pairs write before a new word
# ends of the colours behind black letters: a contrast of 7 and more
PALE = np.array([0x6f, 0x9f, 0xd8]) / 255, np.array([0xf3, 0x9a, 0x75]) / 255


class Document(NamedTuple):
    """One document. words, values: its words and what each has. rest: what positions without a word have."""

    words: list[str]
    values: np.ndarray
    rest: float
    head: list[str]


def documents(values: Any, tokens: Any, prediction: Any, label: Any, join: bool, unit: str | None,
              percentile: float) -> tuple[list[Document], Scale]:
    """The documents, and the scale that they share."""
    if is_explanation(values):
        found = given(values)
        rows = found.values
        if rows.ndim > 2:
            rows = np.nansum(rows.reshape(*rows.shape[:2], -1), -1)
        elif rows.ndim < 2:
            raise ShapeError(f'attributions of shape {rows.shape} have no axis of words')
        arrays = list(rows)
    else:
        found = Given(np.zeros((1, 1)), None, None, '', '')
        single = isinstance(tokens, (list, tuple)) and all(isinstance(t, str) for t in tokens)
        arrays = [numbers(v, 'values') for v in ([values] if single else values)]
        arrays = [np.nansum(a.reshape(len(a), -1), -1) if a.ndim > 1 else np.atleast_1d(a) for a in arrays]
    texts = _texts(tokens, found, arrays)
    notes = [_heads(prediction, 'prediction', len(arrays)), _heads(label, 'label', len(arrays))]
    if prediction is None and getattr(values, 'fx', None) is not None:
        notes[0] = [f'{short_name(values.target) or "T"} = {float(v):.3g}' for v in values.fx]
    result = []
    for k, (a, words) in enumerate(zip(arrays, texts)):
        if len(words) > len(a):
            raise ShapeError(f'document {k} has {len(words)} tokens, and values {len(a)} attributions for it')
        head = [n[k] for n in notes if n is not None]
        texts_, sums = joined_words(words, a[:len(words)]) if join else (list(words), a[:len(words)])
        result.append(Document(texts_, sums, float(np.nansum(a[len(words):])), head))
    scale = Scale.of([d.values for d in result], unit if unit is not None else found.unit, True, percentile)
    return result, scale


def _texts(tokens: Any, found: Given, arrays: list[np.ndarray]) -> list[Sequence[str]]:
    if isinstance(tokens, Mapping) or callable(tokens):
        if found.data is None or found.data.ndim != 2:
            raise ParameterError('tokens is a vocabulary, which takes the ids of an Explanation of token '
                                 'ids. Give the words of every document in its place')
        look = tokens if callable(tokens) else tokens.get
        ids = found.data.astype(np.int64)
        if (ids != found.data).any():
            raise ValueRangeError('tokens is a vocabulary, and the xs of the Explanation are no token ids: '
                                  f'{found.data[ids != found.data].flat[0]!r} is no whole number')
        return [[str(w) if (w := look(int(i))) is not None else f'[{i}]' for i in row] for row in ids]
    if tokens is None or isinstance(tokens, str):
        raise ParameterError('tokens must be the words of each document: a list of strings, a list of such '
                             'lists, or for token ids a vocabulary {id: word} or a function of an id')
    is_flat = len(tokens) and all(isinstance(t, str) for t in tokens)
    texts = [tokens] if is_flat else list(tokens)
    if len(texts) != len(arrays):
        hint = ('. A vocabulary, which says the word of each id, is a dict: tokens=dict(enumerate(words))'
                if is_flat else '')
        raise ShapeError(f'tokens are of {len(texts)} documents, and values of {len(arrays)}{hint}')
    return [[str(t) for t in words] for words in texts]


def _heads(given_: Any, what: str, rows: int) -> list[str] | None:
    if given_ is None:
        return None
    some = [given_] if isinstance(given_, (str, int, float, np.generic)) else list(given_)
    if len(some) != rows:
        raise ShapeError(f'{what} holds {len(some)} entries, and there are {rows} documents')
    return [f'{what}: {s}' for s in some]


def joined_words(tokens: Sequence[str], values: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Words of pieces of words, with the sums of their attributions.

    Pieces are known by the marks of WordPiece ('##ing' goes on), SentencePiece and byte pairs ('▁the', 'Ġthe'
    begin).
    """
    mark = next((m for m in SPACES if any(t.startswith(m) for t in tokens)), None)
    words: list[str] = []
    sums: list[float] = []
    special = True                          # what is in brackets, as [CLS] and </s>, stands alone
    for k, (token, v) in enumerate(zip(tokens, values)):
        alone = len(token) > 2 and token[0] + token[-1] in ('[]', '<>')
        if mark is not None:
            goes_on = not token.startswith(mark) and k > 0 and not alone and not special
            token = token.removeprefix(mark)
        else:
            goes_on = token.startswith('##') and len(token) > 2 and k > 0 and not special
            token = token[2:] if goes_on else token
        special = alone
        if goes_on:
            words[-1] += token
            sums[-1] = np.nansum([sums[-1], v]) if not (np.isnan(sums[-1]) and np.isnan(v)) else np.nan
        else:
            words.append(token)
            sums.append(v)
    return words, np.array(sums, np.float64)


def pale(scale: Scale, value: float) -> np.ndarray:
    """The colour behind a word, RGB in 0..1."""
    if np.isnan(value):
        return np.array([.9, .9, .9])
    return 1 - float(scale.strength(np.array(value))) * (1 - PALE[int(value > 0)])


def columns(word: str) -> int:
    """How many columns of a terminal a word takes."""
    return sum(2 if unicodedata.east_asian_width(c) in 'WF' else not unicodedata.combining(c) for c in word)


def lines(document: Document, width: int) -> list[list[tuple[int, int, str, float]]]:
    """Lines of (column, columns, word, value), at most `width` columns long; a longer word is cut."""
    found: list[list[tuple[int, int, str, float]]] = [[]]
    at = 0
    for word, value in zip(document.words, document.values):
        parts = word.replace('Ċ', '\n').split('\n')
        for k, part in enumerate(parts):
            if k and found[-1]:
                found.append([])
                at = 0
            for piece in [part[i:i + width] for i in range(0, len(part), width)]:
                size = columns(piece)
                if at and at + size > width:
                    found.append([])
                    at = 0
                found[-1].append((at, size, piece, value))
                at += size + 1
    return found
