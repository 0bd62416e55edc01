"""A rulebook: what a method does at each op between X and T."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cached_property, partial
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from .completed import COMPLETED
from .gradients import is_differentiable
from .linear import DIFFERENTIATED_INSIDE, UNMARKED
from .parts import Place
from .passes import ALONE, WITH_REFERENCE, Pass
from .passes.decisions import kind
from .predicates import Predicate, of_types

# Of these, objects are compared by what they are; those of other classes may be anything
PACKAGES = 'builtins', 'deepexplain2', 'keras', 'numpy', 'tensorflow'
BY_VALUE = np.generic, complex, bytes
# (op, r, varying) or (op, m, partner) -> relevance or multiplier of the inputs of op
Rule = Callable[..., tf.Tensor]

LINEAR = 'linear'
RULE = 'rule'
GENERAL = 'general rule'
PLAIN = 'plain gradient'
GRADIENT = 'gradient'           # plain, and what the method asks for
EVALUATED = 'evaluated'
PASSED = 'gradient on purpose'
BROKEN = 'not differentiable'
REFUSED = 'refused'
UNUSED = 'its own gradient is not used'
OPENED = 'opened for its rules'
CONDITION = 'a condition that is not a comparison'


class Entry(NamedTuple):
    """Where a rule is asked. family: what the audit calls the rule. rule: a function, or one for each kind of
    op."""
    family: str
    predicate: Predicate
    rule: Rule | Mapping[str, Rule]

    def rule_for(self, kind: str) -> Rule:
        """The rule for a kind of op."""
        return self.rule[kind] if isinstance(self.rule, Mapping) else self.rule


def table(family: str, rules: Mapping[str, Rule]) -> Entry:
    """The entry of a family with one rule for each kind of nonlinear op."""
    return Entry(family, of_types(rules), rules)


@dataclass(frozen=True)
class Rulebook:
    """What a method does at each op between X and T. Two books with equal `key` share a copy of the graph.

    entries: where which rule is asked; of those that match an op the first one counts. A linear op for which
        no entry asks has TensorFlow's gradient.
    passes: rewrites of the nodes between X and T, in their order, before any rule is asked. Whether x stands
        beside a reference, with which rules compare, is decided by the passes.
    fallback: the rule for a nonlinear op without an entry; None for its plain gradient.
    passing: nonlinear types without an entry that are left to the plain gradient on purpose.
    refused: types without an entry that are refused -> what to do.
    gives_nothing: whether a rule may give None, nothing, to an input that depends on X: then what to do where
        X gets nothing at all, as a sentence for a warning; else ''.
    names_opened: whether functions of tf.custom_gradient, whose gradient gives way to the rules inside, are
        named in a warning.
    of_value: whether what flows back is relevance, which begins as weights times T; else multipliers, which
        begin as the weights of T.
    tells_fallback: whether ops that are left to the fallback are named in a warning as ops without a rule.
    """
    entries: tuple[Entry, ...] = ()
    passes: tuple[Pass, ...] = ALONE
    fallback: Rule | None = None
    passing: frozenset[str] = frozenset()
    refused: Mapping[str, str] = field(default_factory=dict)
    gives_nothing: str = ''
    names_opened: bool = False
    of_value: bool = False
    tells_fallback: bool = False

    @property
    def reference(self) -> bool:
        """Whether the rules compare x with a reference."""
        return WITH_REFERENCE[-1] in self.passes

    @cached_property
    def key(self) -> Hashable:
        """Equal for books that say the same: their rules are the same functions, or closures of the same code
        over equal values."""
        return _identity((self.entries, self.passes, self.fallback, self.passing, self.refused,
                          self.gives_nothing, self.names_opened, self.of_value, self.tells_fallback))

    @property
    def is_plain(self) -> bool:
        """Whether it asks for the plain gradient of every op."""
        return not self.entries and self.fallback is None

    @cached_property
    def is_placed(self) -> bool:
        """Whether an entry looks at names or layers of ops."""
        return any(entry.predicate.is_placed for entry in self.entries)

    @cached_property
    def ends(self) -> frozenset[str]:
        """'first', 'last': which of these entries ask about linear ops."""
        return frozenset[str]().union(*(entry.predicate.ends for entry in self.entries))

    @cached_property
    def _by_kind(self) -> dict[str, tuple[Entry, ...]]:
        return {}

    def _for(self, kind: str) -> tuple[Entry, ...]:
        """The entries that may match ops of a kind, in order."""
        if kind not in self._by_kind:
            self._by_kind[kind] = tuple(e for e in self.entries if e.predicate.types is None
                                        or kind in e.predicate.types)
        return self._by_kind[kind]

    def entry(self, place: Place) -> Entry | None:
        """The first entry that matches an op."""
        return next((e for e in self._for(place.kind) if e.predicate.matches(place)), None)

    def rule(self, place: Place) -> Rule | None:
        """What is asked at an op in place of its gradient."""
        entry = self.entry(place)
        if entry is not None:
            return entry.rule_for(place.kind)
        return None if place.is_linear or place.type in self.passing else self.fallback

    def marks(self, node: tf.compat.v1.NodeDef) -> bool:
        """Whether a node is to ask this book for its gradient."""
        what, has_override = kind(node), '_gradient_op_type' in node.attr
        if node.op in COMPLETED:
            return True
        for predicate in (entry.predicate for entry in self._for(what)):
            if predicate.types is not None and not (predicate.is_placed or predicate.asks_linear):
                return True
            if not has_override and (predicate.types is not None or _is_open(node, predicate.asks_linear)):
                return True
        return self.fallback is not None and what == node.op and node.op not in self.passing \
            and not has_override and _is_open(node, False)


def _is_open(node: tf.compat.v1.NodeDef, linear: bool) -> bool:
    """Whether a node has a gradient in place of which a rule could stand. linear: whether that is so for a
    rule that is asked at linear ops too."""
    return node.op not in (UNMARKED if linear else DIFFERENTIATED_INSIDE) and is_differentiable(node.op)


def _identity(value: Any, seen: frozenset[int] = frozenset()) -> Hashable:
    """What a rule or predicate consists of: its code, and the values that it closes over or takes from its
    module. seen: what this is part of."""
    if id(value) in seen:
        return 'itself'                 # a function that calls itself
    within = seen | {id(value)}

    def of(part: Any) -> Hashable:
        return _identity(part, within)
    if isinstance(value, FunctionType):
        closed = tuple(of(cell.cell_contents) if cell != CellType() else None for cell in value.__closure__
                       or ())
        return (value.__module__, value.__qualname__, value.__code__, of(value.__defaults__),
                of(value.__kwdefaults__), closed, tuple(map(of, _taken_from_module(value))))
    if isinstance(value, partial):
        return of((value.func, value.args, value.keywords))
    if isinstance(value, Mapping):
        return tuple((of(k), of(v)) for k, v in value.items())
    if isinstance(value, (tuple, list)):
        return type(value).__name__, *map(of, value)
    if isinstance(value, (set, frozenset)):
        return type(value).__name__, frozenset(map(of, value))
    if isinstance(value, np.ndarray) and value.dtype != object:
        return value.shape, value.dtype.str, value.tobytes()
    if is_dataclass(value) and not isinstance(value, type):
        return type(value), tuple(of(getattr(value, f.name)) for f in fields(value))
    if isinstance(value, MethodType):
        return of(value.__func__), of(value.__self__)
    if value is None or isinstance(value, (str, bool, int, float)):
        return type(value).__name__, value, repr(value)
    if isinstance(value, BY_VALUE):
        return type(value), value
    if isinstance(value, (type, ModuleType, BuiltinFunctionType)) \
            or type(value).__module__.partition('.')[0] in PACKAGES:
        return id(value)        # of a book that is kept
    if isinstance(value, Hashable) and type(value).__eq__ is not object.__eq__:
        return type(value), value
    return object()             # its attributes may change between two looks: it equals nothing


def _taken_from_module(function: FunctionType) -> list[Any]:
    """The functions, numbers and containers of its module that a function outside of this library uses: they
    may be defined anew, as cells of a notebook are."""
    if (function.__module__ or '').partition('.')[0] == __name__.partition('.')[0]:
        return []
    codes, names = [function.__code__], list[str]()
    for code in codes:
        names += code.co_names
        codes += [c for c in code.co_consts if isinstance(c, CodeType)]
    found = [function.__globals__[name] for name in names if name in function.__globals__]
    return [v for v in found if not isinstance(v, (type, ModuleType, BuiltinFunctionType))
            and not (isinstance(v, FunctionType)
                     and (v.__module__ or '').partition('.')[0] in ('tensorflow', 'numpy'))]
