"""The path and what happens inside its loops and conditionals: what is known of every op there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property

import tensorflow as tf

from .function_bodies import Body, inside
from .linear import is_linear
from .passes.decisions import kind_of
from .path import Path


class Place:
    """An op and where it stands, as the predicates of a rulebook see it.

    parts: the op with the part that it belongs to; more than one where several loops or conditionals share a
        function.
    """

    def __init__(self, parts: list[tuple[tf.Operation, Path | Body]], layer_of: Callable[[str], str]):
        self._parts, self._layer_of = parts, layer_of
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


class Parts:
    """The path and the bodies of its loops and conditionals, nested ones included.

    path: the copied path. library: its functions by name. paired: whether it stands beside a reference, which
        must take the same branches and iterations (RuleError where it may not).
    """

    def __init__(self, path: Path, library: Mapping, paired: bool, layer_of: Callable[[str], str]):
        self.path, self._library, self._paired, self._layer_of = path, library, paired, layer_of
        self._on_path: dict[str, Place] = {}

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
        return {key: Place(ops, self._layer_of) for key, ops in found.items()}

    def place(self, op: tf.Operation, part: Path | Body | None = None) -> Place:
        """An op of a part; of any op of the copy, in its graph or in the body of a loop or conditional, if no
        part is given."""
        if op.graph is self.path.target.graph:
            if op.name not in self._on_path:
                self._on_path[op.name] = Place([(op, self.path)], self._layer_of)
            return self._on_path[op.name]
        return Place([(op, part)], self._layer_of) if part else self._inside[op.graph.name, op.name]

    def varying(self, op: tf.Operation) -> frozenset[int]:
        """The positions of the inputs of any op of the copy that depend on X; of an op that is not on the
        path none."""
        if op.graph is self.path.target.graph:
            return frozenset(self.path.varying_inputs(op))
        place = self._inside.get((op.graph.name, op.name))
        return place.varying if place else frozenset()


def label(name: str) -> str:
    """The name alone of what a message calls an op."""
    return name.split('"')[1] if '"' in name else name
