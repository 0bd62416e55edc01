"""What rules take from the reference: the partner of an op, and values that are kept from run to run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import tensorflow as tf

from .batch_axis import PRIME_BATCH_SIZES
from .op_types import CONTAINERS, can_change, is_random
from .parts import Parts, Place
from .passes.paired import ACTUAL, REFERENCE
from .path import Path
from .rulebook import Rulebook
from .shapes import InferredShapes
from .walks import ancestors


@dataclass(frozen=True)
class Partner:
    """An op on the path of the reference, as rules see it: what does not depend on X is the same tensor as
    for x."""
    inputs: list[tf.Tensor]
    outputs: list[tf.Tensor]

    @classmethod
    def of(cls, op: tf.Operation, place: Place) -> Partner:
        """The partner of an op for x."""
        partner = op.graph.get_operation_by_name(REFERENCE + op.name.removeprefix(ACTUAL))
        inputs = [p if k in place.varying else i for k, (p, i) in enumerate(zip(partner.inputs, op.inputs))]
        return cls(inputs, list(partner.outputs))


def at_reference(tensor: tf.Tensor, baselines: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """The tensor on the path of the reference that belongs to one on the path of x.
    baselines: of X by name."""
    if tensor.name in baselines:
        return baselines[tensor.name]
    op, k = tensor.op, tensor.value_index
    if op.type in CONTAINERS:
        return op.outputs[k + len(op.outputs) // 2]         # which holds both paths
    return op.graph.get_tensor_by_name(REFERENCE + tensor.name.removeprefix(ACTUAL))


def is_frozen(original: Path, sources: Sequence[tf.Tensor], copied: Path) -> bool:
    """Whether nothing that enters a path can change from run to run, nor anything on it. sources: what enters
    it, in the user's graph."""
    given = ancestors(sources, {x.name for x in original.inputs}, control=True)
    return not original.kept_masks and not any(can_change(op) or is_random(op)
                                               for op in [*given, *copied.ops])


def same_sizes_for_one_row(shapes: InferredShapes, book: Rulebook, parts: Parts) -> bool:
    """Whether what every rule takes surely has the same sizes for one row of X as for many, apart from the
    batch axis."""
    if any(is_random(op) or op.type in CONTAINERS for op in parts.path.ops):
        return False
    places = [parts.place(op) for op in parts.path.ops]
    ruled = [place.op.inputs[k] for place in places if not place.is_linear or book.entry(place)
             for k in parts.path.varying_inputs(place.op)]
    many = PRIME_BATCH_SIZES[0]
    return all(z.rank and z.is_fully_defined() and more.is_fully_defined() and z.as_list()[0] == 1
               and more.as_list() == [many, *z.as_list()[1:]]
               for z, more in zip(shapes.shapes(ruled, 1), shapes.shapes(ruled, many)))


def through_placeholders(graph: tf.Graph, outputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """The tensors on the path of the reference that are needed outside of it; from now on they are taken
    through placeholders with these defaults. None where a session cannot return one of them.

    What is fetched and fed are the placeholders: TensorFlow's optimizers fuse ops over a fetched tensor,
    which then is gone (softplus, tanh and a product as mish), but only where nothing else takes the tensor.
    """
    uses = [(op, k, i) for op in ancestors(outputs, set()) if not op.name.startswith(REFERENCE)
            for k, i in enumerate(op.inputs) if i.op.name.startswith(REFERENCE)]
    if any(i.dtype in (tf.variant, tf.resource) for *_, i in uses):
        return []
    with graph.as_default():
        cached = {name: tf.compat.v1.placeholder_with_default(i, i.shape, f'cached_{k}')
                  for k, (name, i) in enumerate({i.name: i for *_, i in uses}.items())}
    for op, k, i in uses:
        op._update_input(k, cached[i.name])
    return list(cached.values())
