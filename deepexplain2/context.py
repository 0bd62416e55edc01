"""The door: DeepExplain."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf

from .attribution.base import Method
from .attribution.registry import create
from .audit import Audit
from .engine.locks import graph_lock
from .engine.model import Model
from .errors import ContextError, TargetWarning, TensorError
from .explainer import Explainer
from .explanation import Explanation
from .graph.constants import split_weights
from .graph.lookups import lookups
from .graph.squashing import Mixed, logits, squashing
from .graph.walks import explainable, user_placeholders
from .kinds_of_values import flag
from .request.options import OPTIONS, split
from .session import HoldsSession, check_open, open_session
from .sources import (
    Source,
    from_function,
    from_graph_def,
    from_keras,
    from_saved_model,
    self_check,
    terminal_outputs,
)
from .sources.names import Names, one_of
from .sources.tensors_by_name import Description, Tensors
from .targets.base import Target, map_entries, names_of
from .targets.built import BuiltTarget, build_target
from .targets.units import Units
from .tensors import as_inputs, as_target, as_tensor, shape_text
from .tokens import TokenExplainer

KEPT = 64           # explainers of a session, each a few objects
# what may be meant by a name that is no parameter
OTHERS = ['xs', 'ys', *OPTIONS, 'jit_compile', 'sum_embedding']


class DeepExplain(HoldsSession):
    """Context for explaining the graph of a session, or a model of any other kind: see the from_... methods.

    with DeepExplain(session) as de:
        attributions = de.explain('elrp', T * ys, X, xs)

    session: a tf.compat.v1.Session; default: the default session at the time of the call.
    graph: the session's graph, or nothing.

    Inside the context of a session its graph is the default graph. Building the model before, outside or
    inside makes no difference. Leaving the context leaves graph and session as they are; explainers go on
    working.

    Raises ContextError without an open session, or when `graph` is not the session's.
    """

    def __init__(self, session: Any = None, graph: tf.Graph | None = None):
        self.session, self.graph = open_session(session, graph)
        # of a graph and session of our own, closed when the context is left
        self._source: Source | None = None
        self._entered: list[ExitStack] = []

    @classmethod
    def from_keras(cls, model: Any, input_signature: Sequence[tf.TensorSpec] | None = None,
                   check: bool = True) -> DeepExplain:
        """A context for a Keras 3 or tf_keras model (Functional, Sequential, subclassed), or for the path of
        a saved one.

        What is explained is `model(x, training=False)`, as in `predict`: a `call` of your own is used, layers
        that train by default do not, those that draw or count are as they are in inference. It is traced into
        a graph of its own, with a snapshot of the weights; the model, its optimizer and Keras stay as they
        are, and later training does not reach the context. Symbolic tensors of the model (`layer.output`,
        `model.input`) and layer names can be given as T and X, see `tensor`.

        input_signature: what the model takes, with None for the batch: a tf.TensorSpec, or a list or dict of
            one per input. Subclassed models that do not know their input need it; for the others it fixes
            sizes that they leave open.
        check: whether a few rows go through the graph and through `model(x, training=False)`: SourceError
            where their outputs differ beyond rounding, SourceWarning where the model fails on all that is
            tried. Nothing of the model changes by it. Where the model leaves an axis open, two lengths are
            tried.
        Cost: one trace of the model, and for the check, at each length, one eager call with 3 rows and one
        run of the graph. Raises SourceError where that is not possible, the signature does not fit, or eager
        execution is off.
        """
        return cls._of('from_keras', check, from_keras, model, input_signature)

    @classmethod
    def from_saved_model(cls, path: Any, signature: str = 'serving_default',
                         check: bool = True) -> DeepExplain:
        """A context for one signature of a SavedModel (TensorFlow 2, Keras export, or TensorFlow 1), with a
        snapshot of its weights.

        check: whether a few rows of the graph are compared with the signature, see from_keras.
        Raises SourceError for a path without a SavedModel or an unknown signature, which lists the known
        ones.
        """
        return cls._of('from_saved_model', check, from_saved_model, path, signature)

    @classmethod
    def from_graph_def(cls, graph_def: Any, check: bool = True) -> DeepExplain:
        """A context for a frozen GraphDef: a proto, or the path of a binary or text file.

        check: as in the other ways in; a graph is its own model, and there is nothing to compare it with.
        Inputs are its placeholders, outputs the tensors that nothing takes. Raises SourceError for other
        files and graphs with variables.
        """
        return cls._of('from_graph_def', check, from_graph_def, graph_def)

    @classmethod
    def from_function(cls, fn: Callable, input_signature: Sequence[tf.TensorSpec] | None = None,
                      check: bool = True) -> DeepExplain:
        """A context for a tf.function, a ConcreteFunction or a Python function of tensors, with a snapshot of
        the variables it uses.

        input_signature: one tf.TensorSpec per argument, None for the batch; not needed for a ConcreteFunction
        or a tf.function that has one. check: whether a few rows of the graph are compared with the function,
        see from_keras. Raises SourceError where the function cannot be traced or frozen.
        """
        return cls._of('from_function', check, from_function, fn, input_signature)

    @classmethod
    def _of(cls, way: str, check: bool, make: Callable[..., Source], *given: Any) -> DeepExplain:
        flag(check, 'check')
        source = make(*given)
        if check:
            self_check.check(source, way)
        source.original, source.states = None, []       # the context does not keep the model
        context = cls(tf.compat.v1.Session(graph=source.graph))
        context._source = source
        return context

    def __enter__(self) -> DeepExplain:
        check_open(self.session)
        stack = ExitStack()
        # a model from elsewhere: the caller goes on in eager mode, and never sees the graph
        if self._source is None:
            stack.enter_context(self.graph.as_default())
        self._entered.append(stack)
        return self

    def __exit__(self, *exception: Any) -> None:
        if not self._entered:
            raise ContextError('this context is not entered, or was left before. Use "with '
                               'DeepExplain(session) as de:" '
                               'once around the calls')
        self._entered.pop().close()

    def close(self) -> None:
        """End a context of a from_... method: its session is closed, and with it all its explainers. The
        session of a user stays open. What nobody holds any more is closed as well, without this call."""
        if self._source is not None:
            self.session.close()

    @property
    def inputs(self) -> Tensors:
        """The inputs of the model by position and name: of a session the placeholders of its graph."""
        if self._source is None:
            return Tensors(user_placeholders(self.graph))
        return Tensors(self._source.inputs, self._source.input_names)

    @property
    def outputs(self) -> Tensors:
        """The outputs of the model by position and name: of a session the floating tensors that depend on
        inputs and that nothing takes."""
        if self._source is None:
            return Tensors(terminal_outputs(self.graph, self.inputs))
        return Tensors(self._source.outputs, self._source.output_names)

    def tensor(self, name: Any) -> tf.Tensor:
        """The tensor of this context's graph that `name` stands for.

        name: 'scope/op:0', which is always that tensor; an op ('scope/op'), an input, output or Keras layer
            by name; a Keras symbolic tensor; or a tensor of the graph itself. A layer in a model or layer is
            'backbone/conv', or 'conv' where no other layer has that name; the calls of a shared layer are
            'enc/0' and 'enc/1', the outputs of a layer with several 'lstm:0' and 'lstm:1'.

        Raises TensorError with the closest names where there is no such tensor, and with all that it could
        mean where there are several.
        """
        if isinstance(name, tf.Tensor):
            return as_tensor(name, self.graph, 'the tensor')
        if isinstance(name, str):
            return self._names.tensor(name)
        if type(name).__name__ != 'KerasTensor':
            raise TensorError(f'{type(name).__name__} is not a tensor, a name or a Keras symbolic tensor')
        symbolic = self._source.symbolic if self._source else {}
        if id(name) not in symbolic:
            raise TensorError(f'the Keras symbolic tensor "{name.name}" is not part of the model of this '
                              f'context, as it is called for inference')
        return one_of(symbolic[id(name)][1], f'the Keras symbolic tensor "{name.name}"')

    @cached_property
    def _names(self) -> Names:
        source = self._source or Source(self.graph, [], [])
        return Names(self.graph, source.input_names, source.output_names, source.layers)

    def logits(self, T: Any) -> tf.Tensor:
        """The logits of a T that is the output of a softmax, log-softmax or sigmoid, in the layout of T; T
        itself where it is none.

        Softmax and sigmoid may be ops, or written by hand with exp or tanh, and inside of functions. What
        only moves the values on the way to T (cast, reshape, transpose, slice, gather, split, concatenation
        of outputs of one kind) is applied to the logits, what clips or masks them is left out. Where that
        needs new ops they are added to the graph, once for each T.

        Raises TensorError where T has no single logits: averages, products and other mixtures of
        probabilities, conditionals; ContextError where ops are needed and the graph is finalized.
        """
        target = self.tensor(T)
        with graph_lock(self.graph):
            made = _compiled_for(self.session).logits
            if target.name not in made:
                found = squashing(target)
                if isinstance(found, Mixed):
                    raise TensorError(f'T "{target.name}" has no single logits: it {found.reason}. Target '
                                      f'what goes into '
                                      f'{" or ".join(found.ops[:4])}, or T itself')
                if found is None:
                    return target
                if found.adds and self.graph.finalized:
                    raise ContextError(f'the graph is finalized, and the logits of T "{target.name}" need '
                                       f'ops of their own. Call de.logits before '
                                       f'graph.finalize(), or target what goes into {found.ops[0]}')
                made[target.name] = logits(found, self.graph)
            return made[target.name]

    def describe(self) -> Description:
        """Print a table of the tensors that can be explained or targeted: name, shape, op, layer, role;
        returns its rows."""
        names = self._names
        labels: dict[str, dict[str, None]] = {}
        for label, t in [*names.inputs, *names.outputs, *((layer.label, layer.tensor)
                                                          for layer in names.layers
                                                          if layer.tensor is not None)]:
            labels.setdefault(t.name, {})[label] = None
        roles = {t.name: 'input' for t in self.inputs} | {t.name: 'output' for t in self.outputs}
        rows = Description((t.name, shape_text(t.shape), t.op.type, ', '.join(labels.get(t.name, ())),
                            roles.get(t.name, ''))
                           for t in explainable(self.graph, self.inputs))
        print(rows)
        return rows

    def get_explainer(self, method: str | Method, T: tf.Tensor, X: Any, jit_compile: bool = False,
                      **parameters: Any) -> Explainer | TokenExplainer:
        """Compile `method` for the target T and the input X; see Explainer.run.

        method: a name out of deepexplain2.methods(). parameters: those of the method.
        T: any floating tensor, its name, or a Keras symbolic tensor (see `tensor`). `T * ys` with an array ys
            is taken as T with weights ys. Or a Target, whose ops are added when it is first used.
        X: any tensor on the way to T, likewise, a placeholder or not, or a list of them (gradient methods).
            For token ids (integers, or floats that are only cast to integers, as those of a keras.Input
            without a dtype) the attributions are those at the output of their embedding lookups, and two more
            parameters are understood: baseline may be 'zero', a token id or an array; sum_embedding=True sums
            over the embedding. See TokenExplainer.run.
        jit_compile: whether XLA compiles what the method asks the graph. Recurrent and attention networks get
            faster, convolutional ones slower on a CPU, those with depthwise convolutions many times
            (docs/benchmarks.md). Compiling takes seconds, for every new number of rows in a run: runs are
            filled up to one of a few numbers. Results are the same to rounding. The first run asks for T
            without XLA as well, whose kernels check nothing. Refused, with PathError, for random ops and for
            indices that are fed; RunError where XLA lacks an op.

        Cost: gradient and rule methods add their ops to the graph, the first time; nothing is run. Raises a
        DeepExplainError, before anything is added, where T, X or a parameter does not fit.
        """
        explainer = self._explainer(method, T, X, parameters, jit_compile)
        explainer.compile()
        return explainer

    def explain(self, method: str | Method, T: tf.Tensor, X: Any, xs: Any, ys: Any = None,
                batch_size: int | None = None, *, jit_compile: bool = False,
                **options_and_parameters: Any) -> Any:
        """get_explainer and Explainer.run in one call; see both.

        The same method, T, X and parameters again add nothing to the graph, nor do another baseline, seed or
        number of steps, or a call that ends in an error. Baselines and functions are not kept beyond the
        call.
        """
        options, parameters = split(options_and_parameters)
        return self._explainer(method, T, X, parameters, jit_compile).run(xs, ys, batch_size, **options)

    def explanation(self, method: str | Method, T: tf.Tensor, X: Any, xs: Any, ys: Any = None,
                    batch_size: int | None = None, *, jit_compile: bool = False,
                    **options_and_parameters: Any) -> Explanation:
        """get_explainer and Explainer.explanation in one call; see both."""
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
        ids, target = self._resolve(X), self._resolve_target(T)
        if isinstance(ids, tf.Tensor):
            X = lookups(as_target(target, self.graph), as_tensor(ids, self.graph, 'X')) or ids
            parameters = {k: v for k, v in parameters.items() if k not in ('sum_embedding', 'baseline')}
        return self._compiled(method, target, X, parameters, jit_compile)[0].audit()

    def _explainer(self, method: str | Method, T: Any, X: Any, parameters: dict[str, Any],
                   jit_compile: bool) -> Explainer | TokenExplainer:
        """The explainer of any X, with the weights written into T."""
        tokens = self._tokens(method, T, X, parameters, jit_compile)
        if tokens is not None:
            return tokens
        explainer, constant_weights = self._compiled(method, T, X, parameters, jit_compile)
        return explainer.weighted(constant_weights)

    def _tokens(self, method: str | Method, T: Any, X: Any, parameters: dict[str, Any],
                jit_compile: bool) -> TokenExplainer | None:
        """The explainer for token ids, an X with embedding lookups downstream; None for any other X."""
        check_open(self.session)
        ids = self._resolve(X)
        if not isinstance(ids, tf.Tensor):
            return None
        as_inputs(ids, self.graph)
        target = self._resolve_target(T)
        with graph_lock(self.graph):
            found = lookups(as_target(target, self.graph), ids)
        if not found:
            return None
        named = method
        if isinstance(method, Method):
            sums = {k: v for k, v in parameters.items() if k == 'sum_embedding'}
            create(method, {k: v for k, v in parameters.items() if k not in sums}, OTHERS)
            named, parameters = method.name, {k: v for k, v in method.parameters.items()
                                              if v is not None} | sums

        def make(given):
            explainer, constant_weights = self._compiled(named, target, found if len(found) > 1 else found[0],
                                                         given, jit_compile)
            return explainer.weighted(constant_weights)
        return TokenExplainer(make, self.session, ids, found, parameters)

    def _compiled(self, method: str | Method, T: Any, X: Any, parameters: dict[str, Any],
                  jit_compile: bool = False) -> tuple[Explainer, np.ndarray | None]:
        """The explainer of T without the weights written into it, and these weights."""
        check_open(self.session)
        jit = flag(jit_compile, 'jit_compile')
        X = [self._resolve(x) for x in X] if isinstance(X, (list, tuple, Tensors)) else self._resolve(X)
        inputs, is_list = as_inputs(X, self.graph)
        T = self._resolve_target(T)
        with graph_lock(self.graph):
            weighted = as_target(T, self.graph)
            target, constant_weights = split_weights(weighted, inputs)
            made = create(method, parameters, OTHERS)
            compiled = _compiled_for(self.session)
            query = target.name, *(x.name for x in inputs)
            key = is_list, jit, query, made
            if made.is_small and key in compiled.explainers:
                compiled.explainers.move_to_end(key)
                return compiled.explainers[key], constant_weights
            if (jit, query) not in compiled.models:
                compiled.models[jit, query] = Model(self.session, target, inputs, self._layers, jit)
            model = compiled.models[jit, query]
            model = model.keeping_masks if made.masks == 'keep' else model
            explainer = Explainer(made, model, compiled.target_of(target), is_list,
                                  _warn_of_probabilities(model, made.name, weighted))
            if made.is_small:
                compiled.explainers[key] = explainer
                while len(compiled.explainers) > KEPT:
                    compiled.explainers.popitem(last=False)
            return explainer, constant_weights

    @property
    def _layers(self) -> dict[str, tf.Tensor]:
        return {layer.label: layer.tensor for layer in self._names.layers if layer.tensor is not None}

    def _resolve(self, value: Any) -> Any:
        """Names and Keras symbolic tensors as tensors; anything else is checked later."""
        return (self.tensor(value) if isinstance(value, str) or type(value).__name__ == 'KerasTensor'
                else value)

    def _resolve_target(self, T: Any) -> Any:
        """As `_resolve`; of a Target its score, which is built the first time."""
        if isinstance(T, type) and issubclass(T, Target):
            raise TensorError(f'T is the class {T.__name__}. Give a target: {T.__name__}(...)')
        if not isinstance(T, Target):
            return self._resolve(T)
        found = list(self.outputs) if T.outputs is None else T.outputs
        found = found[0] if T.outputs is None and len(found) == 1 else found
        what = f'each of the outputs of {type(T).__name__}'
        outputs = map_entries(lambda t: as_tensor(self._resolve(t), self.graph, what), found)
        with graph_lock(self.graph):
            made, key = _compiled_for(self.session).targets, T.on(names_of(outputs))
            if key not in made:
                made[key] = build_target(T, outputs, self.graph)
            return made[key].score


@dataclass
class _Compiled:
    """What was compiled for a session, so that a second context finds it.

    models: with all that costs: what was compiled, timed, and kept of a baseline. explainers: of the last
    parameters; new ones take their questions from the models.
    """
    models: dict[tuple, Model] = field(default_factory=dict)
    explainers: OrderedDict[tuple, Explainer] = field(default_factory=OrderedDict)
    logits: dict[str, tf.Tensor] = field(default_factory=dict)      # of T by name
    targets: dict[Target, BuiltTarget] = field(default_factory=dict)

    def target_of(self, score: tf.Tensor) -> Units | BuiltTarget:
        """What ys are for this T: data of the target that it was built for, or its units."""
        built = (t for t in self.targets.values() if t.score is score and t.placeholders)
        return next(built, Units(score))


def _compiled_for(session: Any) -> _Compiled:
    """Kept on the session itself: it goes when the session goes, which a table with the session as key would
    prevent."""
    return vars(session).setdefault('_deepexplain2_compiled', _Compiled())


def _warn_of_probabilities(model: Model, method: str, weighted: tf.Tensor) -> bool:
    """TargetWarning where T is seen in the graph to be made of probabilities; whether it is. weighted: T as
    given, with its weights."""
    target = model.target
    found = squashing(target) or squashing(weighted)
    if found is None or (found.log if isinstance(found, Mixed) else found.kind == 'log'):
        return False
    ops = ', '.join(found.ops[:4])
    if isinstance(found, Mixed):
        what, instead = f'{found.reason} ({ops})', f'what goes into {" or ".join(found.ops[:4])}'
    else:
        what, logit = f'is the output of {ops}', 'the logits' if found.adds else f'"{found.make().name}"'
        instead = f'{logit} instead: de.logits(T)'
    model.warn_once(method, f'T "{target.name}" {what}: the shares of all classes mix, and a saturated '
                            f'probability has no gradient. '
                    f'Target {instead}', TargetWarning)
    return True
