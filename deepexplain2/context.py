"""The door: DeepExplain."""

from __future__ import annotations

from typing import Any, overload

import numpy as np
import tensorflow as tf
from typing_extensions import Unpack  # comes with TensorFlow

from .attribution.base import Method
from .attribution.registry import create
from .audit import Audit
from .compiled import compiled_for, warn_of_probabilities
from .engine.locks import graph_lock
from .explainer import Explainer
from .explanation import Explanation
from .graph.constants import split_weights
from .graph.lookups import Lookup, all_lookups
from .kinds_of_values import flag
from .late_explainer import LateExplainer, dtypes_of
from .request.options import OPTIONS, RunOptions, split
from .session import check_open
from .sources.tensors_by_name import Tensors
from .targets.base import Target, entries
from .targets.function import FunctionTarget, is_function
from .tensors import as_target
from .tokens import TokenExplainer
from .value_context import ValueContext

# what may be meant by a name that is no parameter
OTHERS = ['xs', 'ys', *OPTIONS, 'jit_compile', 'sum_embedding']


class DeepExplain(ValueContext):
    """Explains the graph of a session, or a model of any other kind: see the from_... methods.

    Parameters
    ----------
    session : tf.compat.v1.Session, optional
        By default the default session at the time of the call.
    graph : tf.Graph, optional
        That of the session.

    Raises
    ------
    ContextError
        Without an open session, or when `graph` is not the session's.

    Notes
    -----
    `with DeepExplain(session) as de:` makes the graph of the session the default graph inside. Building the
    model before, inside or outside makes no difference. Leaving the context leaves graph and session as they
    are, and explainers go on working. Everything but the default graph works without `with` as well.

    Examples
    --------
    >>> with DeepExplain(session) as de:
    ...     attributions = de.explain('elrp', T * np.eye(2), X, xs)
    >>> attributions.shape
    (2, 3)
    """

    @overload
    def explain(self, method: Method, T: Any, X: tf.Tensor | str, xs: Any, ys: Any = None,
                batch_size: int | None = None, *, jit_compile: bool = False,
                **options: Unpack[RunOptions]) -> np.ndarray: ...

    @overload
    def explain(self, method: Method, T: Any, X: list | tuple | Tensors, xs: Any, ys: Any = None,
                batch_size: int | None = None, *, jit_compile: bool = False,
                **options: Unpack[RunOptions]) -> list[np.ndarray]: ...

    @overload
    def explain(self, method: str, T: Any, X: tf.Tensor | str, xs: Any, ys: Any = None,
                batch_size: int | None = None, *, jit_compile: bool = False,
                **options_and_parameters: Any) -> np.ndarray: ...

    @overload
    def explain(self, method: str, T: Any, X: list | tuple | Tensors, xs: Any, ys: Any = None,
                batch_size: int | None = None, *, jit_compile: bool = False,
                **options_and_parameters: Any) -> list[np.ndarray]: ...

    def explain(self, method: Any, T: Any, X: Any, xs: Any, ys: Any = None, batch_size: int | None = None, *,
                jit_compile: bool = False, **options_and_parameters: Any) -> Any:
        """Attributions of T to X for the samples xs: `get_explainer` and `Explainer.run` in one call.

        Parameters
        ----------
        method : str or Method
            A name out of deepexplain2.methods with parameters, or a method, which has its own.
        T, X, jit_compile
            As for `get_explainer`.
        xs, ys, batch_size
            As for `Explainer.run`.
        **options_and_parameters
            Options of `Explainer.run` (feed_dict, return_delta, return_std_error, classes, progress,
            memory_limit, out), and parameters of the method where it is given by name.

        Returns
        -------
        array, or list of arrays for a list X
            As `Explainer.run`.

        Notes
        -----
        The same method, T and X again add nothing to the graph, nor do another baseline, seed or number of
        steps, or a call that ends in an error. Baselines that are arrays or functions are not kept beyond the
        call.

        Examples
        --------
        >>> de.explain('intgrad', T, X, xs, ys=labels, steps=50).shape
        (2, 3)
        """
        options, parameters = split(options_and_parameters)
        return self._explainer(method, T, X, parameters, jit_compile).run(xs, ys, batch_size, **options)

    def get_explainer(self, method: str | Method, T: Any, X: Any, jit_compile: bool = False,
                      **parameters: Any) -> Explainer | TokenExplainer | LateExplainer:
        """Compile a method for the target T and the input X, to explain any number of samples.

        Parameters
        ----------
        method : str or Method
            A name out of deepexplain2.methods with parameters, or a method, which has its own.
        T : tensor, name, Keras symbolic tensor, function or Target
            Any floating tensor. `T * ys` with an array ys is taken as T with weights ys. A function,
            `lambda out: out[:, 3] - out[:, 5]` or with data of every row `lambda out, ys: ...`, gets the
            output of the model, the list of its outputs, or the dict of them where they have keys; see
            deepexplain2.targets.FunctionTarget. The ops of a function or Target are added when it is first
            used; of a function that takes ys at the first run, in the shape and dtype of these ys. A list of
            one tensor is that tensor.
        X : tensor, name, Keras symbolic tensor, or a list of them
            Any tensor upstream of T, a placeholder or not. For token ids (integers, or floats that are only
            cast to integers, as those of a keras.Input without a dtype) the attributions are those at the
            output of their embedding lookups, and two more parameters are understood: baseline may be 'zero',
            a token id or an array; sum_embedding=True sums over the embedding.
        jit_compile : bool, default False
            Whether XLA compiles what the method asks the graph. Recurrent and attention networks get faster,
            convolutional ones slower on a CPU, those with depthwise convolutions many times
            (docs/benchmarks.md). Compiling takes seconds, for every new number of rows in a run: runs are
            filled up to one of a few numbers. Results are the same up to rounding: the first run of every
            size is compared with TensorFlow's own kernels. Refused, with PathError, for random ops and for
            indices that are fed; RunError where XLA lacks an op.
        **parameters
            Of the method, where it is given by name.

        Returns
        -------
        Explainer, or TokenExplainer for token ids
            With run, stream, explanation, plan and audit.

        Raises
        ------
        DeepExplainError
            Before anything is added to the graph, where T, X or a parameter does not fit.

        Notes
        -----
        Gradient and rule methods add their ops to the graph, the first time. Nothing is run.
        """
        explainer = self._explainer(method, T, X, parameters, jit_compile)
        explainer.compile()
        return explainer

    def explanation(self, method: str | Method, T: Any, X: Any, xs: Any, ys: Any = None,
                    batch_size: int | None = None, *, jit_compile: bool = False,
                    **options_and_parameters: Any) -> Explanation | list[Explanation]:
        """The attributions of `explain` with what they explain, as an Explanation.

        Takes what `explain` takes. See `Explainer.explanation`.
        """
        options, parameters = split(options_and_parameters)
        explainer = self._explainer(method, T, X, parameters, jit_compile)
        return explainer.explanation(xs, ys, batch_size, **options)

    def audit(self, method: str | Method, T: Any, X: Any, jit_compile: bool = False,
              **parameters: Any) -> Audit:
        """How a method treats every op between X and T, as a table; runs nothing, and adds nothing to the
        graph.

        Parameters
        ----------
        method, T, X, jit_compile, **parameters
            As for `get_explainer`.

        Returns
        -------
        Audit
            Every op is linear, or treated by a rule (which), by the general rule, by its plain gradient, not
            differentiable, or refused.

        Raises
        ------
        DeepExplainError
            As `get_explainer`, except for ops that the method refuses, which are in the table.
        """
        tokens = self._tokens(method, T, X, parameters, jit_compile)
        return tokens.audit() if tokens is not None else self._compiled(method, T, X, parameters,
                                                                        jit_compile)[0].audit()

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

