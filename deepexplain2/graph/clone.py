"""A copy of the path from X to T, differentiated, in which chosen ops have rules instead of gradients.

The copy is built and differentiated in a graph of its own and then imported into the user's graph in one
step: the user's ops are never touched, a failure before the import leaves no trace, and the weights stay live
because the copy reads the user's tensors. Rules that compare x with a reference need the path twice: the
passes copy it side by side, and a rule finds the partner of its op by name. No rule has to know where the
batch axis is, and a baseline shared by all rows takes one row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import cached_property
from itertools import islice

import tensorflow as tf

from ..errors import PathError
from ..tensors import batch_of
from . import xla
from .copies import stand_in
from .differentiate import (
    all_found,
    axes_of_units,
    check_loops,
    or_zeros,
    rule_gradient,
    under_rules,
    weighted_gradients,
    weights_of,
)
from .gradients import is_custom_gradient
from .graft import graft, import_nodes
from .installed import Clone
from .layers import LayerOfOps
from .parts import Parts
from .passes import Context
from .passes.inline_functions import flatten, outside
from .passes.paired import ACTUAL
from .path import Path
from .placement import Placement, defaults
from .reference import at_reference, is_frozen, same_sizes_for_one_row, through_placeholders
from .rulebook import Rulebook
from .shapes import InferredShapes
from .treatments import Treatment, has_rule, lost, treatments


class Copy(InferredShapes):
    """The path from X to T in a graph of its own, function calls opened, ops with a rule marked.

    path: the copied path, to be examined. graph: where it is. kept_masks: its placeholders for masks that
        stay as they are at x. substitutes: names of tensors in `graph` -> the tensors of the user's graph
        that take their place. Nothing is added to the user's graph before `install` or `place`.

    Parameters
    ----------
    path : Path
        In the user's graph.
    book : Rulebook
        Its rules and passes.
    jit : bool, default False
        Whether XLA is to compile what is placed. PathError where that could change an answer.
    layer_of : function, optional
        From the name of an op in the user's graph to the label of its layer.
    """

    def __init__(self, path: Path, book: Rulebook, jit: bool = False, layer_of: LayerOfOps | None = None):
        self._original, self._book, self._jit = path, book, jit
        nodes, target, self._sources, self._inside = flatten(path)
        self.graph = tf.Graph()
        with self.graph.as_default():
            masks = {outside(t) for t in path.kept_masks}
            self._outside = {outside(t): tf.compat.v1.placeholder(t.dtype, t.shape, f'source_{k}')
                             if outside(t) in masks else stand_in(t, f'source_{k}')
                             for k, t in enumerate(self._sources)}
            self._xs = {outside(x): tf.compat.v1.placeholder(x.dtype, x.shape, f'x_{k}')
                        for k, x in enumerate(path.inputs)}
            self._bs = {f'baseline of {name}': tf.compat.v1.placeholder(x.dtype, x.shape, f'baseline_{k}')
                        for k, (name, x) in enumerate(self._xs.items())} if book.reference else {}
        self.kept_masks = [self._outside[outside(t)] for t in path.kept_masks if outside(t) in self._outside]
        self._constants = {name: s.op.node_def for name, s in self._outside.items() if s.op.type == 'Const'}
        self._constants |= {s.name: s.op.node_def for s in self._outside.values() if s.op.type == 'Const'}
        context = Context(frozenset(self._xs), dict(zip(self._xs, self._bs)), self._constants, book.marks,
                          book.is_placed, book.is_plain,
                          frozenset(op.name for op in path.ops if is_custom_gradient(op)))
        for rewrite in book.passes:
            nodes = rewrite(nodes, context) or nodes
        self._library = {f.signature.name: f for f in nodes.library.function}
        with self.graph.as_default():
            import_nodes(nodes, {**self._outside, **self._xs, **self._bs})
            for op in path.ops:
                for output in op.outputs:           # what the user's set_shape added to the inferred shapes
                    copied = self._find(output.name)
                    if copied is not None:
                        copied.set_shape(output.shape)
            known = {x.name: original.name for original, x in zip(path.inputs, self._xs.values())}
            self.path = Path(self._xs[target] if target in self._xs
                             else self.graph.get_tensor_by_name(ACTUAL + target),
                             list(self._xs.values()), lambda name: known.get(name, name.removeprefix(ACTUAL)))
        self.substitutes = {s.name: t for s, t in zip(self._outside.values(), self._sources)
                            if s.op.type != 'Const'}
        self.substitutes |= {x.name: t for x, t in zip(self._xs.values(), path.inputs)}
        self._placement = Placement(self.graph, self.substitutes, path.target.graph, jit)
        self.parts = Parts(self.path, self._library, book.reference, layer_of or LayerOfOps())
        if jit:
            xla.check(self.path, self.parts.bodies,
                      {s.name: t for s, t in zip(self._outside.values(), self._sources)})

    @cached_property
    def treatments(self) -> list[Treatment]:
        """How the book treats every op on the path that depends on X; see `treatments.treatments`."""
        return treatments(self.parts, self._book, self._constants)

    @cached_property
    def lost(self) -> list[Treatment]:
        """The ops that pass values of X and no gradient; see `treatments.lost`."""
        return lost(self.parts, self._book, self._constants)

    def check_differentiable(self, at: Sequence[tf.Tensor] = ()) -> None:
        """Raise PathError where no relevance would reach X, or these tensors of the user's graph."""
        check_loops(self.parts, self._library)
        path = self._from(at) if at else self.path
        path.check_differentiable(lambda op: has_rule(self.parts.place(op), self._book))

    def before(self, at: Sequence[tf.Tensor]) -> set[str]:
        """What messages call the ops that T depends on only through these tensors of the user's graph."""
        behind = {op.name for op in self._from(at).ops}
        return {self.path.name(op) for op in self.path.ops if op.name not in behind}

    def _from(self, at: Sequence[tf.Tensor]) -> Path:
        return Path(self.path.target, [self._copied(t) for t in at], self.path._label)

    @cached_property
    def one_row_fits(self) -> bool:
        """Whether a baseline of one row surely stands for all rows: at every rule the same sizes, 1 in place
        of the open batch axis."""
        if not self._book.reference or self.kept_masks \
                or not all(x.shape.rank and batch_of(x) is None for x in self._original.inputs):
            return False
        return same_sizes_for_one_row(self, self._book, self.parts)

    def again(self, wanted: Sequence[tf.Tensor], substitutes: Mapping[str, tf.Tensor],
              name: str) -> list[tf.Tensor]:
        """Tensors of `graph` computed again in the default graph, with `substitutes` in place of the tensors
        of these names; in `graph` itself, from the same sources."""
        is_here = tf.compat.v1.get_default_graph() is self.graph
        shared = {s.name: s for s in self._outside.values()} if is_here else {}
        return graft(wanted, {**shared, **substitutes}, name)

    @contextmanager
    def differentiating(self) -> Iterator[None]:
        """While gradients are built in `graph`."""
        context = xla.differentiating() if self._jit else nullcontext()
        with self.graph.as_default(), context, under_rules(rule_gradient(self._book, self.parts)):
            yield

    def install_value(self) -> tf.Tensor:
        """T, imported into the user's graph."""
        with self.graph.as_default():
            value = tf.identity(self.path.target, 'value')
        return self.place([value], 'value')[0]

    def install(self, name: str, with_value: bool = False, at: Sequence[tf.Tensor] = (),
                to_inputs: bool = True, opened: bool = False) -> Clone:
        """Differentiate, and import forward and backward pass into the user's graph in one step.

        Parameters
        ----------
        name : str
            The scope of the new ops.
        with_value : bool, default False
            Whether T is given too.
        at : tensors of the user's graph between X and T, optional
            Their values are given too, and the gradients of T with respect to them (under rules: their
            multipliers); each is the total derivative, through the other ones of `at` as well.
        to_inputs : bool, default True
            Whether the gradients with respect to X are wanted.
        opened : bool, default False
            Whether placeholders with X as defaults take the place of X. A tensor in the middle of a graph
            cannot be fed with certainty: TensorFlow's optimizers join ops on both sides of it (two
            transposes, say), and do not look at what is fed.
        """
        layers, xs, target = [self._copied(t) for t in at], self.path.inputs, self.path.target
        bs = dict(zip([x.name for x in xs], self._bs.values()))
        with self.differentiating():
            weights = weights_of(target)
            wanted, k = [*xs[:len(xs) * to_inputs], *layers], len(xs) * to_inputs
            found = weighted_gradients(target, wanted, weights, xs, self._book.of_value)
            hint = self._book.gives_nothing
            found = or_zeros(self.path, wanted, found, hint) if hint else all_found(self.path, wanted, found)
            value = tf.reduce_sum(target * weights, axes_of_units(target), name='value') if with_value else 0
            groups = [
                [tf.identity(r, 'relevance') for r in found[:k]],
                [value] if with_value else [],
                [tf.identity(r, 'gradient') for r in found[k:]],
                [tf.identity(t, 'activation') for t in layers],
                [tf.identity(at_reference(t, bs), 'reference') for t in layers if bs],
                [tf.shape(target, tf.int64, name='target_shape')]]
        outputs = [t for group in groups for t in group]
        cached = []
        if self.one_row_fits and not self._jit and is_frozen(self._original, self._sources, self.path):
            cached = through_placeholders(self.graph, outputs)
        inputs = defaults(self._original.inputs) if opened else []
        self.substitutes |= {x.name: t for x, t in zip(xs, inputs)}
        feeds = [*self._bs.values(), weights]
        placed = iter(self.place([*feeds, *outputs, *cached], name))
        *baselines, weights = islice(placed, len(feeds))
        relevances, value, gradients, activations, references, shape = (list(islice(placed, len(g)))
                                                                        for g in groups)
        plain = self.place_plain(outputs, dict(zip([t.name for t in feeds], [*baselines, weights])), name)
        return Clone(baselines, weights, relevances, shape[0], list(placed), plain,
                     value[0] if value else None, gradients, activations, references, inputs)

    def place(self, wanted: Sequence[tf.Tensor], name: str) -> list[tf.Tensor]:
        """Import what these tensors of `graph` need into the user's graph; the same tensors there."""
        return self._placement.place(wanted, name)

    def place_plain(self, wanted: Sequence[tf.Tensor], fed: Mapping[str, tf.Tensor],
                    name: str) -> list[tf.Tensor]:
        """See `Placement.place_plain`."""
        return self._placement.place_plain(wanted, fed, name)

    def _copied(self, tensor: tf.Tensor) -> tf.Tensor:
        """The tensor of `graph` that a tensor of the user's graph between X and T was copied to."""
        x = self._xs.get(outside(tensor))
        found = self._find(self._inside(tensor.name)) if x is None else x
        if found is None or not self.path.varies(found):
            raise PathError(f'tensor "{tensor.name}" is not found between X and T: it is inside of a '
                            f'function or loop, or the output of control flow of TF1. Choose one that is '
                            f'computed from it')
        return found

    def _find(self, name: str) -> tf.Tensor | None:
        try:
            return self.graph.get_tensor_by_name(ACTUAL + name)
        except KeyError:
            return None                     # an output of a function call, which was opened
