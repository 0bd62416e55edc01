"""Queries compiled: what they take and give, added to the user's graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import tensorflow as tf

from ..errors import PathError, RuleError
from ..graph import clone, integral
from ..graph.installed import in_place
from ..graph.masks import have_rows
from ..graph.rulebook import Rulebook
from ..graph.treatments import Treatment, lost_in_place
from .answers import Answer, AtLayers, AtReference, Gradient, Value, WeightedValue
from .in_place import check_in_place, must_stay
from .layer_query import check_rows
from .line_query import LineQuery
from .query import Query
from .reference_cache import ReferenceCache
from .treatments import warn_of_masks

if TYPE_CHECKING:
    from .model import Model

NO_RULES = Rulebook()       # the plain gradient


def value(model: Model) -> Query:
    """T, compiled by XLA."""
    made = _copy(model, NO_RULES).install_value()
    return Query(model, model.inputs, [Value('value', model.target, [made])], keeps_masks=True,
                 plain=[model.target])


def relevance(model: Model, book: Rulebook, method: str, on_unsupported: str,
              with_value: bool, at: Sequence[tf.Tensor], to_inputs: bool) -> tuple[Query, list[Treatment]]:
    """The gradient of T with respect to X, and to `at`, under the rules of a book, and how the ops are
    treated."""
    for t in at:
        if not t.dtype.is_floating:
            raise PathError(f'tensor "{t.name}" has dtype {t.dtype.name}: it cannot carry a gradient')
    refusal = copy = None
    try:
        copy = None if book is NO_RULES and must_stay(model.path) else _copy(model, book)
    except RuleError as e:
        # control flow of TF1 that cannot be put into functions
        if book is not NO_RULES:
            raise
        refusal = e
    if copy is None:
        if at:
            raise PathError(f'the gradient with respect to tensor "{at[0].name}" is not available: between X '
                            f'and T there is {refusal or "a tf.custom_gradient function"}, which is '
                            'differentiated in its place')
        return _in_place(model, method, on_unsupported, refusal)
    copy.check_differentiable(() if to_inputs else at)
    treatments = copy.lost if book is NO_RULES else copy.treatments
    unused = set() if to_inputs else copy.before(at)
    treatments = [t for t in treatments if t.name not in unused]
    model.report(treatments, method, on_unsupported)
    made = copy.install('gradient' if book is NO_RULES else method, with_value, at, to_inputs)
    name = 'gradient' if book is NO_RULES else 'relevance'
    answers: list[Answer] = [Gradient(name, model.target, made.relevances, model.inputs)] if to_inputs else []
    if made.value is not None:
        answers.append(WeightedValue('value', model.target, [made.value]))
    check_rows(at, model)
    if at:
        answers.append(AtLayers('layer_gradient', model.target, made.layer_gradients, at,
                                f'the gradient of T "{model.target.name}" with respect to'))
        answers.append(AtLayers('activation', model.target, made.activations, at, 'the value of'))
    if made.references:
        answers.append(AtReference('reference', model.target, made.references, at, 'the reference value of'))
    feeds = [*model.inputs, *made.baselines]
    reference = None
    if made.cached:
        fed = Query(model, [*feeds, *made.cached], answers, made.weights, made.target_shape)
        reference = ReferenceCache(model.fetch(feeds, made.cached), fed)
    return Query(model, feeds, answers, made.weights, made.target_shape, keeps_masks=not book.reference,
                 one_row=copy.one_row_fits, reference=reference,
                 plain=[*made.plain, model.target] if made.plain else ()), treatments


def _in_place(model: Model, method: str, on_unsupported: str,
              refusal: RuleError | None) -> tuple[Query, list[Treatment]]:
    """The plain gradient built in the user's graph. refusal: why it has to be."""
    check_in_place(model.path, model.jit, refusal)
    treatments = lost_in_place(model.path)
    model.report(treatments, method, on_unsupported)
    made = in_place(model.path, 'gradient')
    return Query(model, model.inputs, [Gradient('gradient', model.target, made.relevances, model.inputs)],
                 made.weights, made.target_shape, keeps_masks=True), treatments


def fits_line_integral(model: Model) -> bool:
    """Whether the graph between X and T can be evaluated at many points of each row."""
    return (not must_stay(model.path) and integral.fits(model.path)
            and have_rows(model.path.kept_masks, model.inputs))


def line_integral(model: Model, method: str) -> Query | None:
    """Sums of the gradient along lines; None for control flow of TF1 that cannot be put into functions."""
    try:
        copy = _copy(model, NO_RULES)
    except RuleError:
        return None
    copy.check_differentiable()
    model.report(copy.lost, method, 'ignore')
    warn_of_masks(copy, method, model.warn_once)
    made = integral.integral(copy, method)
    return LineQuery(model, [*model.inputs, *made.baselines, made.alphas, made.shares],
                     [Gradient('gradient', model.target, made.sums, model.inputs)], made.weights,
                     made.target_shape, plain=made.plain)


def _copy(model: Model, book: Rulebook) -> clone.Copy:
    return clone.Copy(model.path, book, model.jit, model.layer_of)
