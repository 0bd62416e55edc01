"""The door: DeepExplain."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from . import checks
from .errors import ContextError
from .explainer import Explainer
from .graph.path import split_weights
from .model import Model, graph_lock
from .registry import create


class DeepExplain:
    """Context for explaining the graph of a session.

    with DeepExplain(session) as de:
        attributions = de.explain('elrp', T * ys, X, xs)

    session: a tf.compat.v1.Session; default: the default session at the time of the call.
    graph: the session's graph, or nothing.

    Inside the context the graph is the default graph. Building the model before, outside or inside makes no difference. Leaving the
    context leaves graph and session as they are; explainers go on working.

    Raises ContextError without an open session, or when `graph` is not the session's.
    """

    def __init__(self, session: Any = None, graph: tf.Graph | None = None):
        self.session, self.graph = checks.open_session(session, graph)
        self._entered: list[ExitStack] = []

    def __enter__(self) -> DeepExplain:
        checks.check_open(self.session)
        stack = ExitStack()
        stack.enter_context(self.graph.as_default())
        self._entered.append(stack)
        return self

    def __exit__(self, *exception: Any) -> None:
        self._entered.pop().close()

    def get_explainer(self, method: str, T: tf.Tensor, X: Any, **parameters: Any) -> Explainer:
        """Compile `method` for the target T and the input X; see Explainer.run.

        method: a name out of deepexplain2.methods(). parameters: those of the method.
        T: any floating tensor. `T * ys` with an array ys is taken as T with weights ys.
        X: any tensor on the way to T, a placeholder or not, or a list of them (gradient methods).

        Cost: gradient and rule methods add their ops to the graph, the first time; nothing is run. Raises a DeepExplainError, before anything
        is added, where T, X or a parameter does not fit.
        """
        if not self._entered:
            raise ContextError('get_explainer and explain can be called only inside "with DeepExplain(session) as de:". '
                               'Explainers made there work outside')
        explainer, written = self._compiled(method, T, X, parameters)
        explainer.compile()
        return explainer.weighted(written)

    def explain(self, method: str, T: tf.Tensor, X: Any, xs: Any, ys: Any = None, batch_size: int | None = None,
                feed_dict: Any = None, **parameters: Any) -> Any:
        """get_explainer and Explainer.run in one call; see both.

        The same method, T, X and parameters again add nothing to the graph, and neither does a call that ends in an error.
        """
        explainer, written = self._compiled(method, T, X, parameters)
        return explainer.weighted(written).run(xs, ys, batch_size, feed_dict)

    def _compiled(self, method: str, T: Any, X: Any, parameters: dict[str, Any]) -> tuple[Explainer, np.ndarray | None]:
        """The explainer of T without the weights written into it, and these weights."""
        if not self._entered:
            raise ContextError('get_explainer and explain can be called only inside "with DeepExplain(session) as de:". '
                               'Explainers made there work outside')
        checks.check_open(self.session)
        inputs, many = checks.inputs(X, self.graph)
        with graph_lock(self.graph):
            target, written = split_weights(checks.target(T, self.graph), inputs)
            compiled = _compiled_for(self.session)
            question = target.name, *(x.name for x in inputs)
            key: tuple = _frozen(method), many, *question, *((k, _frozen(v)) for k, v in sorted(parameters.items()))
            if key in compiled.explainers:
                return compiled.explainers[key], written
            method_object = create(method, parameters)
            if question not in compiled.models:
                compiled.models[question] = Model(self.session, target, inputs)
            compiled.explainers[key] = Explainer(method_object, compiled.models[question], many)
            return compiled.explainers[key], written


@dataclass
class _Compiled:
    """What was compiled for a session, so that a second context finds it."""
    models: dict[tuple, Model] = field(default_factory=dict)
    explainers: dict[tuple, Explainer] = field(default_factory=dict)


def _compiled_for(session: Any) -> _Compiled:
    """Kept on the session itself: it goes when the session goes, which a table with the session as key would prevent."""
    return vars(session).setdefault('_deepexplain2_compiled', _Compiled())


def _frozen(value: Any) -> Any:
    """A hashable stand-in for a parameter, equal for equal values; for what is not an array of numbers, equal to nothing."""
    if value is None or isinstance(value, (str, bool, int, float, np.generic)):
        return type(value).__name__, value
    if isinstance(value, (list, tuple)):
        return type(value).__name__, *(_frozen(v) for v in value)
    if isinstance(value, np.ndarray) and value.dtype != object:
        return value.shape, value.dtype.str, value.tobytes()
    return object()
