"""What a pass may know of the path beside its nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class Context:
    """The surroundings of the nodes of a path.

    inputs: names of the tensors of X in the nodes. references: the same -> names of the tensors of the
        reference that enter in their place.
    constants: names of the tensors that enter the path and are constants -> the Const that each is.
    marks: whether a node asks the rulebook for its gradient. is_placed: whether the rulebook looks at names
        or layers. is_plain: whether it asks for the plain gradient of every op.
    own_gradients: names of the nodes whose Python gradient, made by tf.custom_gradient, cannot be copied.
    """
    inputs: frozenset[str]
    references: Mapping[str, str]
    constants: Mapping[str, tf.compat.v1.NodeDef]
    marks: Callable[[tf.compat.v1.NodeDef], bool]
    is_placed: bool
    is_plain: bool
    own_gradients: frozenset[str]


Pass = Callable[[tf.compat.v1.GraphDef, Context], tf.compat.v1.GraphDef | None]
