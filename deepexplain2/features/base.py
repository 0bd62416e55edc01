"""Features: what a perturbation method switches on and off together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np

from ..errors import ParameterError, shown
from ..parameters import Kind
from ..parametrized import Parametrized

Arrays = Sequence[np.ndarray]


class Rows(NamedTuple):
    """What features are made for.

    Attributes
    ----------
    shapes : sequence of tuple of int
        Of the arrays of the rows, one per input, rows first.
    arrays : sequence of arrays, optional
        The rows; None before they are there.
    columns : sequence of (list or None), optional
        For each input the names of its columns, where it is a DataFrame.
    numbers : array, optional
        The number of each row among all rows that are explained; None: all of them, in order.
    total : int, optional
        How many rows are explained; None where that is not known yet.
    """

    shapes: Sequence[tuple[int, ...]]
    arrays: Arrays | None = None
    columns: Sequence[list[Any] | None] | None = None
    numbers: np.ndarray | None = None
    total: int | None = None


class FeatureSet(Parametrized):
    """Base of what a caller says of features: `of` makes them for rows. of_values: whether they are made of
    the values of the rows."""

    of_values = False

    def of(self, rows: Rows) -> Features | None:
        """The features of rows; None where they depend on what is not there yet. ParameterError where they do
        not fit the shapes."""
        raise NotImplementedError

    def names(self, rows: Rows) -> list[Any] | None:
        """The names of the features; None where they have none."""
        return None


def feature_set(value: Any, name: str) -> FeatureSet:
    """Check what features can be."""
    if not isinstance(value, FeatureSet):
        raise ParameterError(f'{name} must be Axes, Windows, Grid, Segments, superpixels(...) or Columns of '
                             f'deepexplain2.features, not {shown(value)}')
    return value


FeaturesOfX = Annotated[FeatureSet, Kind('a set of deepexplain2.features', feature_set)]


class Features(ABC):
    """Features of the rows of one or several inputs, numbered from 0.

    A feature is a set of entries of the inputs. It is present where its entries are those of x, and absent
    where they are those of the baseline. An entry in no feature is always that of x.

    Attributes
    ----------
    count : int
        How many features there are.
    sizes : array (count,) or (rows, count)
        How many entries each feature has.
    shapes : list of tuple of int
        The shape of the result for a row, one per input.
    uncovered : int
        How many entries are in no feature.

    Notes
    -----
    Inputs, baselines and results are lists with one array per input, rows first. A baseline has one row for
    all rows of x, or one for each.
    """

    count: int
    sizes: np.ndarray
    shapes: list[tuple[int, ...]]
    uncovered: int = 0

    def among(self, rows: slice | np.ndarray) -> Features:
        """The features of these rows, which may differ from row to row."""
        return self

    @abstractmethod
    def changed(self, differs: Arrays) -> np.ndarray:
        """(m, count): whether any entry of a feature differs. differs: where x is not the baseline."""

    def first_alike(self, differs: Arrays) -> np.ndarray:
        """(m, count): for each feature the first one that leaves the same input when it is absent; `count`
        where that is x."""
        return np.where(self.changed(differs), np.arange(self.count), self.count)

    @abstractmethod
    def totals(self, arrays: Arrays) -> np.ndarray:
        """(m, count) in float64: the sum of the entries of each feature."""

    @abstractmethod
    def mix(self, xs: Arrays, baselines: Arrays, rows: np.ndarray, present: np.ndarray) -> list[np.ndarray]:
        """Row rows[i] of x with the features that are absent in present[i], (m, count), from the baseline.

        The rows ascend.
        """

    def without(self, xs: Arrays, baselines: Arrays, rows: np.ndarray, ks: np.ndarray) -> list[np.ndarray]:
        """Row rows[i] of x with feature ks[i] absent; x itself where ks[i] is `count`."""
        return self.mix(xs, baselines, rows, ks[:, None] != np.arange(self.count))

    @abstractmethod
    def spread(self, values: np.ndarray) -> list[np.ndarray]:
        """Results of values (m, count): an entry gets the mean of the features that it is in, NaN if there
        are none."""


class Joined(Features):
    """The features of the first input, then those of the second, and so on.

    Parameters
    ----------
    parts : list of Features
        The features of each input alone.
    """

    def __init__(self, parts: Sequence[Features]):
        self._parts = list(parts)
        self._stops = np.cumsum([p.count for p in parts]).tolist()
        self.count = self._stops[-1]
        self.shapes = [shape for p in parts for shape in p.shapes]
        self.uncovered = sum(p.uncovered for p in parts)
        rows = np.broadcast_shapes(*(p.sizes.shape[:-1] for p in parts))
        self.sizes = np.concatenate([np.broadcast_to(p.sizes, (*rows, p.count)) for p in parts], -1)

    def _split(self, values: np.ndarray) -> list[np.ndarray]:
        """The columns of values (m, count) that belong to each part."""
        return np.split(values, self._stops[:-1], 1)

    def among(self, rows: slice | np.ndarray) -> Features:
        parts = [p.among(rows) for p in self._parts]
        return self if parts == self._parts else Joined(parts)

    def changed(self, differs: Arrays) -> np.ndarray:
        return np.concatenate([p.changed([d]) for p, d in zip(self._parts, differs)], 1)

    def totals(self, arrays: Arrays) -> np.ndarray:
        found = np.zeros((len(arrays[0]), self.count))
        stops = [0, *self._stops]
        for part, a, start, stop in zip(self._parts, arrays, stops, stops[1:]):
            found[:, start:stop] = part.totals([a])
        return found

    def first_alike(self, differs: Arrays) -> np.ndarray:
        found, start = [], 0
        for p, d in zip(self._parts, differs):
            alike = p.first_alike([d])
            found.append(np.where(alike == p.count, self.count, alike + start))
            start += p.count
        return np.concatenate(found, 1)

    def mix(self, xs: Arrays, baselines: Arrays, rows: np.ndarray, present: np.ndarray) -> list[np.ndarray]:
        return [mixed for p, x, b, some in zip(self._parts, xs, baselines, self._split(present))
                for mixed in p.mix([x], [b], rows, some)]

    def without(self, xs: Arrays, baselines: Arrays, rows: np.ndarray, ks: np.ndarray) -> list[np.ndarray]:
        found, start = [], 0
        for p, x, b in zip(self._parts, xs, baselines):
            here = (ks >= start) & (ks < start + p.count)
            found += p.without([x], [b], rows, np.where(here, ks - start, p.count))
            start += p.count
        return found

    def spread(self, values: np.ndarray) -> list[np.ndarray]:
        return [result for p, some in zip(self._parts, self._split(values)) for result in p.spread(some)]


def join(parts: Sequence[Features]) -> Features:
    """Features of each input alone as features of all inputs."""
    return parts[0] if len(parts) == 1 else Joined(parts)
