"""The explainer of a request: made once, and found again."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from .attribution.base import Method
from .attribution.registry import create
from .compiled import compiled_for, warn_of_probabilities
from .engine.locks import graph_lock
from .explainer import Explainer
from .graph.constants import split_weights
from .graph.lookups import Lookup, all_lookups
from .kinds_of_values import flag
from .late_explainer import LateExplainer, dtypes_of
from .request.options import OPTIONS
from .session import check_open
from .targets.base import Target, entries
from .targets.function import FunctionTarget, is_function
from .tensors import as_target
from .tokens import TokenExplainer
from .value_context import ValueContext

# what may be meant by a name that is no parameter
OTHERS = ['xs', 'ys', *OPTIONS, 'jit_compile', 'sum_embedding']


class ExplainerContext(ValueContext):
    """Makes explainers: of tensors, of token ids, of functions whose ys are not known yet."""

    def _explainer(self, method: str | Method, T: Any, X: Any, parameters: dict[str, Any],
                   jit_compile: bool) -> Explainer | TokenExplainer | LateExplainer:
        """The explainer of any X, with the weights written into T."""
        if is_function(T) or isinstance(T, Target):
            late = self._late(method, T, X, parameters, jit_compile)
            if late is not None:
                return late
            T = self._resolve_target(T)
        tokens = self._tokens(method, T, X, parameters, jit_compile)
        if tokens is not None:
            return tokens
        explainer, constant_weights = self._compiled(method, T, X, parameters, jit_compile)
        return explainer.weighted(constant_weights)

    def _late(self, method: str | Method, T: Any, X: Any, parameters: dict[str, Any],
              jit_compile: bool) -> LateExplainer | None:
        """The explainer for a function of (out, ys) whose ys are not known yet; None for any other T."""
        inputs, form = self._inputs(X)
        target = FunctionTarget(T) if is_function(T) else T
        if not isinstance(target, FunctionTarget) or not target.needs_spec:
            return None
        if isinstance(method, str):
            create(method, {}, OTHERS)
        outputs = entries(self._outputs_of(target))

        def make(known: FunctionTarget) -> Any:
            return self._explainer(method, known, X, parameters, jit_compile)
        return LateExplainer(make, target, self.session, form,
                             dtypes_of(inputs, [self._resolve(t) for t in outputs]))

    def _tokens(self, method: str | Method, T: Any, X: Any, parameters: dict[str, Any],
                jit_compile: bool) -> TokenExplainer | None:
        """The explainer for an X with token ids, with embedding lookups downstream; None for any other X."""
        check_open(self.session)
        inputs, form = self._inputs(X)
        target = self._resolve_target(T)
        found = self._lookups(target, inputs)
        if not any(found):
            return None
        parameters = dict(parameters)
        sum_embedding = parameters.pop('sum_embedding', False)
        firsts = [looks[0].point if looks else x for x, looks in zip(inputs, found)]
        points = firsts + [look.point for looks in found for look in looks[1:]]

        def make(made: Method) -> Explainer:        # of the embedding
            explained = points if len(points) > 1 else points[0]
            explainer, constant_weights = self._compiled(made, target, explained, {}, jit_compile)
            return explainer.weighted(constant_weights)
        return TokenExplainer(make, self.session, as_target(target, self.graph), inputs, found, form,
                              create(method, parameters, OTHERS).located(self._layer_name), sum_embedding)

    def _lookups(self, target: Any, inputs: list[tf.Tensor]) -> list[list[Lookup]]:
        """The embedding lookups of each tensor X; found once for each T and X."""
        with graph_lock(self.graph):
            weighted = as_target(target, self.graph)
            known = compiled_for(self.session).lookups
            key = weighted.name, *(x.name for x in inputs)
            if key not in known:
                known[key] = all_lookups(weighted, inputs)
            return known[key]

    def _compiled(self, method: str | Method, T: Any, X: Any, parameters: dict[str, Any],
                  jit_compile: bool = False) -> tuple[Explainer, np.ndarray | None]:
        """The explainer of T without the weights written into it, and these weights."""
        check_open(self.session)
        jit = flag(jit_compile, 'jit_compile')
        inputs, form = self._inputs(X)
        T = self._resolve_target(T)
        with graph_lock(self.graph):
            weighted = as_target(T, self.graph)
            target, constant_weights = split_weights(weighted, inputs)
            made = create(method, parameters, OTHERS).located(self._layer_name)
            compiled = compiled_for(self.session)
            key = form, jit, target.name, *(x.name for x in inputs), made
            explainer = compiled.kept(key) if made.is_small else None
            if explainer is None:
                model = compiled.model(self.session, target, inputs, self._layers, jit)
                model = model.keeping_masks if made.masks == 'keep' else model
                is_probability = compiled.uses_probabilities(target) \
                    or warn_of_probabilities(model, made.name, weighted)
                explainer = Explainer(made, model, compiled.target_of(target), form, is_probability)
                if made.is_small:
                    compiled.keep(key, explainer)
            return explainer, constant_weights

