"""The door: DeepExplain."""

from __future__ import annotations

from typing import Any, overload

import numpy as np
import tensorflow as tf
from typing_extensions import Unpack  # comes with TensorFlow

from .attribution.base import Method
from .audit import Audit
from .evaluation_context import EvaluationContext
from .explainer import Explainer
from .explanation import Explanation
from .late_explainer import LateExplainer
from .request.options import RunOptions, split
from .sources.tensors_by_name import Tensors
from .tokens import TokenExplainer


class DeepExplain(EvaluationContext):
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
