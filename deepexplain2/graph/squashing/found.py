"""What a tensor can be found to be: squashed logits, or something made of probabilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import tensorflow as tf

from .values import Value


@dataclass(frozen=True)
class Squashed:
    """The output of a softmax or sigmoid.

    kind: 'softmax', 'sigmoid', or 'log' of one of them.
    ops: labels of the ops that squash.
    make: gives the logits, in the layout of the tensor, in the user's graph.
    adds: whether `make` adds ops to that graph.
    """
    kind: str
    ops: tuple[str, ...]
    make: Callable[[], tf.Tensor]
    adds: bool


@dataclass(frozen=True)
class Mixed:
    """Something made of probabilities that has no logits of its own.

    reason: what it is made by. log: whether it is made of log-probabilities alone.
    harmless: whether it is a multiple of a single sigmoid, such as a regression to a range, and so not a
        probability.
    """
    reason: str
    ops: tuple[str, ...]
    log: bool = False
    harmless: bool = False


Found = Squashed | Mixed | None


def is_log(found: Squashed | Mixed) -> bool:
    """Whether these are logarithms of probabilities, and no probabilities."""
    return found.log if isinstance(found, Mixed) else found.kind == 'log'


def mixed(reason: str, found: Sequence[Squashed | Mixed], harmless: bool = False) -> Mixed:
    """What is made of the values in `found`."""
    return Mixed(reason, all_ops(found), all(map(is_log, found)), harmless)


def all_ops(found: Sequence[Squashed | Mixed]) -> tuple[str, ...]:
    """The labels of all ops that squash, each once."""
    return tuple(dict.fromkeys(op for f in found for op in f.ops))


def squashed(kind: str, what: str, at: Value, logits: Value,
             change: Callable[[tf.Tensor], tf.Tensor] | None = None) -> Squashed:
    """`at` squashes `logits`, or what `change` makes of them. what: what a message calls the op."""
    scope = '' if at.frame.call is None else f'{at.frame.call.name}/'

    def make():
        return logits.in_user_graph() if change is None else change(logits.in_user_graph())
    return Squashed(kind, (f'"{scope}{at.op.name}" ({what})',), make,
                    change is not None or logits.frame.parent is not None)
