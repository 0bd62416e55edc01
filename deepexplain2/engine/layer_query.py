"""Gradients of T with respect to layers, tensors between X and T, as queries.

Only what lies between a layer and T is copied and differentiated; the layer itself is the user's tensor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import tensorflow as tf

from ..errors import PathError, RuleError, TensorError
from ..graph import clone
from ..graph.installed import Clone, in_place
from ..graph.path import Path
from ..graph.rulebook import Rulebook
from ..graph.treatments import lost_in_place
from ..tensors import batch_of, shape_text
from .answers import AtLayers
from .batch import Batch
from .in_place import check_in_place, must_stay
from .query import Answers, Query

if TYPE_CHECKING:
    from .model import Model


class LayerQuery(Query):
    """Gradients of T with respect to layers at values that are given for these, all else as at x.

    Takes arrays for X, and then for the layers: the answer is 'layer_gradient'. Takes arrays for X alone: the
    answer is 'activation', the values of the layers there.
    """

    def __init__(self, model: Model, fed: Sequence[tf.Tensor], answers: Sequence[AtLayers],
                 activations: Query, made: Clone):
        tensors = [*model.inputs, *fed]
        last = {t.name: k for k, t in enumerate(tensors)}           # an X that is a layer is fed once
        self._places = sorted(last.values())
        self._inputs, self._activations = len(model.inputs), activations
        super().__init__(model, [tensors[k] for k in self._places], answers, made.weights, made.target_shape,
                         keeps_masks=True, plain=[*made.plain, model.target] if made.plain else ())

    def evaluate(self, batch: Batch) -> Answers:
        """The answers for one run."""
        if len(batch.arrays) == self._inputs:
            return self._activations.evaluate(batch)
        return super().evaluate(batch)

    def _evaluate(self, batch: Batch) -> Answers:
        arrays, k = list(batch.arrays), self._inputs
        masks = range(k + len(self._answers[0].tensors), len(arrays))
        some = batch.at([arrays[i] for i in [*self._places, *masks]], batch.rows)
        return self._run(some, arrays[:k], lambda: arrays[:k])


class LayerQueries:
    """The queries for the gradient of T with respect to layers.

    at_x: takes X, answers 'layer_gradient' and 'activation'. given: see LayerQuery; None where layers cannot
    be fed.
    """

    def __init__(self, layers: Sequence[tf.Tensor], at_x: Query, given: LayerQuery | None):
        self._layers, self.at_x, self._given = layers, at_x, given

    @property
    def given(self) -> LayerQuery:
        """The query at values that are given for the layers; PathError where there is none."""
        if self._given is None:
            raise PathError(f'T cannot be taken at other values of the layer "{self._layers[0].name}": '
                            f'between the two there is a tf.custom_gradient function, which is '
                            f'differentiated in its place. Choose a layer behind it')
        return self._given


def activation(model: Model, layers: Sequence[tf.Tensor]) -> Query:
    """The query for the values of layers, 'activation'; adds nothing to the graph."""
    check_rows(layers, model)
    answer = AtLayers('activation', model.target, layers, layers, 'the value of')
    return Query(model, model.inputs, [answer], keeps_masks=True)


def layer_queries(model: Model, layers: Sequence[tf.Tensor], method: str) -> LayerQueries:
    """The queries for the gradient of T with respect to layers; adds ops to the user's graph."""
    check_rows(layers, model)
    made = _installed(model, Path(model.target, layers, kept_masks=model.path.kept_masks), method)
    gradient = AtLayers('layer_gradient', model.target, made.relevances, layers,
                        f'the gradient of T "{model.target.name}" with respect to')
    activation = AtLayers('activation', model.target, layers, layers, 'the value of')
    at_x = Query(model, model.inputs, [gradient, activation], made.weights, made.target_shape,
                 keeps_masks=True, plain=[*made.plain[:-1], *layers, *made.plain[-1:], model.target]
                 if made.plain else ())
    fed = made.inputs or layers
    if not made.inputs and not {t.name for t in layers} <= {x.name for x in model.inputs}:
        return LayerQueries(layers, at_x, None)
    values = Query(model, model.inputs, [activation], keeps_masks=True)
    return LayerQueries(layers, at_x, LayerQuery(model, fed, [gradient], values, made))


def _installed(model: Model, path: Path, method: str) -> Clone:
    """The gradient with respect to the inputs of a path, in a copy, or in the user's graph where a copy
    cannot hold it."""
    refusal = copy = None
    try:
        if not must_stay(path):
            copy = clone.Copy(path, Rulebook(), model.jit, model.layer_of)
    except RuleError as e:              # control flow of TF1 that cannot be put into functions
        refusal = e
    try:
        if copy is None:
            check_in_place(path, model.jit, refusal)
            model.report(lost_in_place(path), method, 'ignore')
            return in_place(path, 'gradient')
        copy.check_differentiable()
    except PathError as e:
        raise PathError(f'the layer in place of X: {e}') from None
    model.report(copy.lost, method, 'ignore')
    return copy.install('gradient', opened=True)


def check_rows(layers: Sequence[tf.Tensor], model: Model) -> None:
    """Raise TensorError for a layer with a fixed first axis where the batch is open."""
    for layer in layers:
        if batch_of(layer) is not None and all(batch_of(x) is None for x in model.inputs):
            raise TensorError(f'tensor "{layer.name}" has shape {shape_text(layer.shape)}: its first axis is '
                              f'not the batch, which is open. Choose a tensor with one entry per row')
