"""The functions that a translation builds, and the names of the ops in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import tensorflow as tf

from .contexts import Context


@dataclass
class Scope:
    """A function under construction, or the graph around all functions.

    known: the counterparts here of tensors of the user's graph, by their names.
    """
    context: Context
    label: str
    graph: tf.Graph
    outer: Scope | None
    known: dict[str, tf.Tensor]


# gives the counterparts in a scope of tensors of the user's graph, and makes those that are missing
Translate = Callable[[Sequence[tf.Tensor], Scope], list[tf.Tensor]]


def label_of(op: tf.Operation) -> str:
    """What the loop or conditional is called that `op` belongs to: the name scope of `op`."""
    return op.name.rpartition('/')[0] or op.name


def inner_name(name: str, label: str) -> str:
    """The name of an op in the function of a loop or conditional; messages put `label` before it."""
    inner = name.removeprefix(f'{label}/') if label else name
    return inner if inner[0].isalnum() else name
