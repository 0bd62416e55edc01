"""The path and what happens inside its loops and conditionals: what is known of every op there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property

import tensorflow as tf

from .function_bodies import Body, inside
from .linear import is_linear
from .op_types import CONTAINERS
from .passes.decisions import kind_of
from .path import Path
from .units import Unit, Units


class Place:
    """An op and where it stands, as the predicates of a rulebook see it.

    parts: the op with the part that it belongs to; more than one where several loops or conditionals share a
        function.
    layer_of: from the name of an op in the user's graph to the label of its layer. units_of: the units of a
        part.
    """

    def __init__(self, parts: list[tuple[tf.Operation, Path | Body]], layer_of: Callable[[str], str],
                 units_of: Callable[[Path | Body], Units]):
        self._parts, self._layer_of, self._units_of = parts, layer_of, units_of
        self.op = parts[0][0]

    @property
    def type(self) -> str:
        """The type of the op, such as 'MatMul'."""
        return self.op.type

    @cached_property
    def kind(self) -> str:
        """The type of the op, or what a pass marked it as."""
        return kind_of(self.op)

    @cached_property
    def varying(self) -> frozenset[int]:
        """The positions of the inputs that depend on X."""
        return frozenset(k for op, part in self._parts for k in part.varying_inputs(op))

    @cached_property
    def is_linear(self) -> bool:
        """Whether the op is linear (or affine) in all inputs that depend on X, taken together."""
        return self.kind == self.type and all(is_linear(op, part) for op, part in self._parts)

    @property
    def name(self) -> str:
        """The name of the op in the user's graph."""
        op, part = self._parts[0]
        return label(part.name(op))

    @property
    def layer(self) -> str:
        """The label of the layer that the op belongs to; '' where there are no layers."""
        return self._layer_of(self.name)

    @cached_property
    def unit(self) -> Unit | None:
        """The unit whose linear op this is; None where it is no linear op with weights."""
        return self._units.of_op.get(self.op.name)

    @property
    def is_folded(self) -> bool:
        """Whether this is a bias, scale or normalization that is folded into a unit."""
        return self.op.name in self._units.folded

    @property
    def is_first(self) -> bool:
        """Whether this is a unit that X reaches through no other one; inside of loops and conditionals it is
        not known, and False."""
        return self.op.name in self._units.first

    @property
    def is_last(self) -> bool:
        """Whether this is a unit that reaches T through no other one; as `is_first`."""
        return self.op.name in self._units.last

    @property
    def _units(self) -> Units:
        return self._units_of(self._parts[0][1])


class Parts:
    """The path and the bodies of its loops and conditionals, nested ones included.

    path: the copied path. library: its functions by name. paired: whether it stands beside a reference, which
        must take the same branches and iterations (RuleError where it may not).
    """

    def __init__(self, path: Path, library: Mapping, paired: bool, layer_of: Callable[[str], str]):
        self.path, self._library, self._paired, self._layer_of = path, library, paired, layer_of
        self._on_path: dict[str, Place] = {}
        self._units: dict[int, Units] = {}

    def __iter__(self) -> Iterator[Path | Body]:
        yield self.path
        yield from self.bodies

    @cached_property
    def bodies(self) -> list[Body]:
        """The bodies alone."""
        return list(inside(self.path, self._library, self._paired))

    @cached_property
    def _inside(self) -> dict[tuple[str, str], Place]:
        """The ops in the bodies, by the names of function and op."""
        found: dict[tuple[str, str], list[tuple[tf.Operation, Path | Body]]] = {}
        for body in self.bodies:
            for op in body.ops:
                found.setdefault((body.function, op.name), []).append((op, body))
        return {key: Place(ops, self._layer_of, self._units_of) for key, ops in found.items()}

    def unknown_ends(self, ends: Collection[str]) -> tuple[str, ...]:
        """How the names of the ops begin that stand inside of a loop or conditional with no unit before it
        ('first') or behind it ('last'): whether they are such ends themselves is not known."""
        units = self._units_of(self.path)
        names = set[str]().union(*(getattr(units, end) for end in ends))
        return tuple(label(self.path.name(op)) + '/' for op in self.path.ops
                     if op.type in CONTAINERS and op.name in names)

    def place(self, op: tf.Operation, part: Path | Body | None = None) -> Place:
        """An op of a part; of any op of the copy, in its graph or in the body of a loop or conditional, if no
        part is given."""
        if op.graph is self.path.target.graph:
            if op.name not in self._on_path:
                self._on_path[op.name] = Place([(op, self.path)], self._layer_of, self._units_of)
            return self._on_path[op.name]
        return Place([(op, part)], self._layer_of, self._units_of) if part \
            else self._inside[op.graph.name, op.name]

    def _units_of(self, part: Path | Body) -> Units:
        if id(part) not in self._units:
            self._units[id(part)] = Units(part)
        return self._units[id(part)]

    def varying(self, op: tf.Operation) -> frozenset[int]:
        """The positions of the inputs of any op of the copy that depend on X; of an op that is not on the
        path none."""
        if op.graph is self.path.target.graph:
            return frozenset(self.path.varying_inputs(op))
        place = self._inside.get((op.graph.name, op.name))
        return place.varying if place else frozenset()


class Around:
    """What a rule may ask of the ops of a copy. Called with an op: the positions of its inputs that depend on
    X."""

    def __init__(self, parts: Parts):
        self._parts = parts

    def __call__(self, op: tf.Operation) -> frozenset[int]:
        """The positions of the inputs of an op that depend on X."""
        return self._parts.varying(op)

    def unit(self, op: tf.Operation) -> Unit | None:
        """The unit whose linear op this is; None where it is none."""
        return self._parts.place(op).unit

    def is_folded(self, op: tf.Operation) -> bool:
        """Whether an op is folded into a unit."""
        return self._parts.place(op).is_folded


def label(name: str) -> str:
    """The name alone of what a message calls an op."""
    return name.split('"')[1] if '"' in name else name
