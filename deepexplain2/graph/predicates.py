"""Predicates: at which ops a rule of a rulebook is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from .linear import CONTRACTIONS
from .parts import Place
from .unit_layout import CONVOLUTIONS


@dataclass(frozen=True)
class Predicate:
    """A condition on an op and its place. Predicates are combined by &, | and ~.

    Made by `of_types`, `in_layers`, `named` and `where`. A predicate that says nothing about linear ops means
    nonlinear ones, unless it is joined by & to one that asks for linear ops.

    Parameters
    ----------
    test : function from Place to bool
        The condition. Rulebooks are equal if their conditions have the same code and close over equal values.
    types : frozenset of str, optional
        The kinds of ops that may match. By default any.
    asks_linear : bool, default False
        Whether linear ops may match.
    is_placed : bool, default True
        Whether the condition looks at more of an op than its kind and whether it is linear.
    ends : frozenset of str, optional
        'first', 'last': which of these it asks about a unit.
    """
    test: Callable[[Place], bool]
    types: frozenset[str] | None = None
    asks_linear: bool = False
    is_placed: bool = True
    ends: frozenset[str] = frozenset()

    def matches(self, place: Place) -> bool:
        """Whether the rule is asked at this place."""
        return (self.asks_linear or not place.is_linear) and self.test(place)

    def __and__(self, other: Predicate) -> Predicate:
        types = self.types if other.types is None else other.types if self.types is None \
            else self.types & other.types
        return Predicate(lambda place: self.test(place) and other.test(place), types,
                         self.asks_linear or other.asks_linear, self.is_placed or other.is_placed,
                         self.ends | other.ends)

    def __or__(self, other: Predicate) -> Predicate:
        types = None if self.types is None or other.types is None else self.types | other.types
        asks_linear = self.asks_linear or other.asks_linear
        a, b = (self.matches, other.matches) if asks_linear else (self.test, other.test)
        return Predicate(lambda place: a(place) or b(place), types, asks_linear,
                         self.is_placed or other.is_placed, self.ends | other.ends)

    def __invert__(self) -> Predicate:
        return Predicate(lambda place: not self.test(place), None, self.asks_linear, self.is_placed,
                         self.ends)


def of_types(types: Iterable[str], linear: bool = False) -> Predicate:
    """The ops of these types, such as `of_types(['MatMul', 'Conv2D'], linear=True)`.

    Parameters
    ----------
    types : iterable of str
        Types of ops, or marks that a pass leaves on ops.
    linear : bool, default False
        False: where the op is nonlinear in what it takes from X, such as a product of two tensors that both
        depend on X. True: where it is linear, such as a product with weights.
    """
    kinds = frozenset(types)
    return Predicate(lambda place: place.is_linear == linear and place.kind in kinds, kinds, linear, False)


def in_layers(*patterns: str) -> Predicate:
    """The ops of the layers whose labels match one of the patterns ('block1*'), as the audit names layers."""
    return Predicate(lambda place: any(fnmatchcase(place.layer, pattern) for pattern in patterns))


def named(*patterns: str) -> Predicate:
    """The ops whose names in the user's graph match one of the patterns."""
    return Predicate(lambda place: any(fnmatchcase(place.name, pattern) for pattern in patterns))


def where(condition: Callable[[Place], bool]) -> Predicate:
    """The ops for which a function of their place is true."""
    return Predicate(condition)


def first() -> Predicate:
    """The linear ops with weights that X reaches through no other one."""
    return Predicate(lambda place: place.is_first, asks_linear=True, ends=frozenset({'first'}))


def last() -> Predicate:
    """The linear ops with weights that reach T through no other one."""
    return Predicate(lambda place: place.is_last, asks_linear=True, ends=frozenset({'last'}))


def convolutions() -> Predicate:
    """The convolutions with weights: of any number of axes, depthwise and transposed ones included."""
    return Predicate(lambda place: place.type in CONVOLUTIONS and place.unit is not None,
                     frozenset(CONVOLUTIONS), True)


def dense() -> Predicate:
    """The products with matrices of weights: MatMul, Einsum and their like."""
    return Predicate(lambda place: place.type in CONTRACTIONS - CONVOLUTIONS and place.unit is not None,
                     CONTRACTIONS - CONVOLUTIONS, True)


def weighted() -> Predicate:
    """Every linear op with weights."""
    return convolutions() | dense()
