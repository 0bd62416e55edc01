"""The door: DeepExplain."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from . import checks
from .audit import Audit
from .errors import ContextError, TargetWarning, TensorError
from .explainer import Explainer
from .graph.lookups import lookups
from .graph.path import before_squashing, explainable, own_placeholders, split_weights
from .model import Model, graph_lock
from .registry import create
from .sources import Source, from_function, from_graph_def, from_keras, from_saved_model, leaves
from .tokens import TokenExplainer


class DeepExplain:
    """Context for explaining the graph of a session, or a model of any other kind: see the from_... methods.

    with DeepExplain(session) as de:
        attributions = de.explain('elrp', T * ys, X, xs)

    session: a tf.compat.v1.Session; default: the default session at the time of the call.
    graph: the session's graph, or nothing.

    Inside the context of a session its graph is the default graph. Building the model before, outside or inside makes no difference.
    Leaving the context leaves graph and session as they are; explainers go on working.

    Raises ContextError without an open session, or when `graph` is not the session's.
    """

    def __init__(self, session: Any = None, graph: tf.Graph | None = None):
        self.session, self.graph = checks.open_session(session, graph)
        self._source: Source | None = None          # of a graph and session of our own, closed when the context is left
        self._entered: list[ExitStack] = []

    @classmethod
    def from_keras(cls, model: Any, input_signature: Sequence[tf.TensorSpec] | None = None) -> DeepExplain:
        """A context for a Keras 3 or tf_keras model (Functional, Sequential, subclassed), or for the path of a saved one.

        The model is traced in inference mode into a graph of its own, with a snapshot of its weights; the model, its optimizer
        and Keras stay as they are, and later training does not reach the context. Symbolic tensors of the model (`layer.output`,
        `model.input`) and layer names can be given as T and X.

        input_signature: for subclassed models that do not know their input: one tf.TensorSpec per input, None for the batch.
        Cost: one trace of the model. Raises SourceError where that is not possible, or eager execution is off.
        """
        return cls._of(from_keras(model, input_signature))

    @classmethod
    def from_saved_model(cls, path: Any, signature: str = 'serving_default') -> DeepExplain:
        """A context for one signature of a SavedModel (TensorFlow 2, Keras export, or TensorFlow 1), with a snapshot of its weights.

        Raises SourceError for a path without a SavedModel or an unknown signature, which lists the known ones.
        """
        return cls._of(from_saved_model(path, signature))

    @classmethod
    def from_graph_def(cls, graph_def: Any) -> DeepExplain:
        """A context for a frozen GraphDef: a proto, or the path of a binary or text file.

        Inputs are its placeholders, outputs the tensors that nothing takes. Raises SourceError for other files and graphs with variables.
        """
        return cls._of(from_graph_def(graph_def))

    @classmethod
    def from_function(cls, fn: Callable, input_signature: Sequence[tf.TensorSpec] | None = None) -> DeepExplain:
        """A context for a tf.function, a ConcreteFunction or a Python function of tensors, with a snapshot of the variables it uses.

        input_signature: one tf.TensorSpec per argument, None for the batch; not needed for a ConcreteFunction or a tf.function that has
        one. Raises SourceError where the function cannot be traced or frozen.
        """
        return cls._of(from_function(fn, input_signature))

    @classmethod
    def _of(cls, source: Source) -> DeepExplain:
        context = cls(tf.compat.v1.Session(graph=source.graph))
        context._source = source
        return context

    def __enter__(self) -> DeepExplain:
        checks.check_open(self.session)
        stack = ExitStack()
        if self._source is None:            # a model from elsewhere: the caller goes on in eager mode, and never sees the graph
            stack.enter_context(self.graph.as_default())
        self._entered.append(stack)
        return self

    def __exit__(self, *exception: Any) -> None:
        self._entered.pop().close()
        if self._source is not None and not self._entered:
            self.session.close()

    @property
    def inputs(self) -> Tensors:
        """The inputs of the model by position and name: of a session the placeholders of its graph."""
        if self._source is None:
            return Tensors(own_placeholders(self.graph), {})
        return Tensors(self._source.inputs, self._source.names)

    @property
    def outputs(self) -> Tensors:
        """The outputs of the model by position and name: of a session the floating tensors that depend on inputs and that nothing takes."""
        if self._source is None:
            return Tensors(leaves(self.graph, self.inputs), {})
        return Tensors(self._source.outputs, self._source.names)

    def tensor(self, name: Any) -> tf.Tensor:
        """The tensor of this context's graph that `name` stands for.

        name: 'scope/op:0', an op ('scope/op'), an input, output or Keras layer by name, a Keras symbolic tensor, or a tensor of the
        graph itself. Raises TensorError with the closest names.
        """
        if isinstance(name, tf.Tensor):
            return checks.tensor(name, self.graph, 'the tensor')
        source = self._source or Source(self.graph, [], [])
        if not isinstance(name, str):
            if type(name).__name__ != 'KerasTensor':
                raise TensorError(f'{type(name).__name__} is not a tensor, a name or a Keras symbolic tensor')
            if id(name) not in source.symbolic:
                raise TensorError(f'the Keras symbolic tensor "{name.name}" is not part of the model of this context')
            return source.symbolic[id(name)][1]
        for table in source.names, source.layers:
            if name in table:
                return table[name]
        try:
            return self.graph.get_tensor_by_name(name if ':' in name else f'{name}:0')
        except (KeyError, ValueError):
            known = [*source.names, *source.layers, *(t.name for t in explainable(self.graph))]
            close = difflib.get_close_matches(name, known, n=5, cutoff=.4) or [k for k in known if name.split(':')[0] in k][:5]
            raise TensorError(f'no tensor {name!r} in the graph.' + (f' Close: {", ".join(close)}.' if close else '')
                              + ' describe() lists what there is') from None

    def logits(self, T: Any) -> tf.Tensor:
        """The tensor before the softmax or sigmoid that ends in T; T itself where there is none."""
        target = self.tensor(T)
        squashed = before_squashing(target)
        return target if squashed is None else squashed

    def describe(self) -> Description:
        """Print a table of the tensors that can be explained or targeted: name, shape, op, layer, role; returns its rows."""
        source = self._source or Source(self.graph, [], [])
        labels = {t.name: name for name, t in [*source.names.items(), *source.layers.items()]}
        roles = {t.name: 'input' for t in self.inputs} | {t.name: 'output' for t in self.outputs}
        rows = Description((t.name, checks.text(t.shape), t.op.type, labels.get(t.name, ''), roles.get(t.name, ''))
                           for t in explainable(self.graph, self.inputs))
        print(rows)
        return rows

    def get_explainer(self, method: str, T: tf.Tensor, X: Any, jit_compile: bool = False, **parameters: Any) -> Explainer | TokenExplainer:
        """Compile `method` for the target T and the input X; see Explainer.run.

        method: a name out of deepexplain2.methods(). parameters: those of the method.
        T: any floating tensor, its name, or a Keras symbolic tensor (see `tensor`). `T * ys` with an array ys is taken as T with weights ys.
        X: any tensor on the way to T, likewise, a placeholder or not, or a list of them (gradient methods). For token ids (integers) the
            attributions are those at the output of their embedding lookups, and two more parameters are understood: baseline may
            be 'zero', a token id or an array; sum_embedding=True sums over the embedding. See TokenExplainer.run.
        jit_compile: whether XLA compiles what the method asks the graph. Recurrent and attention networks get faster, convolutional ones
            slower on a CPU, those with depthwise convolutions many times (docs/benchmarks.md). Compiling takes seconds, for every new
            number of rows in a run: runs are filled up to one of a few numbers. Results are the same to rounding. The first run asks for T
            without XLA as well, whose kernels check nothing. Refused, with PathError, for random ops and for indices that are fed;
            RunError where XLA lacks an op.

        Cost: gradient and rule methods add their ops to the graph, the first time; nothing is run. Raises a DeepExplainError, before anything
        is added, where T, X or a parameter does not fit.
        """
        parameters = _with_jit(parameters, jit_compile)
        tokens = self._tokens(method, T, X, parameters)
        if tokens is not None:
            return tokens
        explainer, written = self._compiled(method, T, X, parameters)
        explainer.compile()
        return explainer.weighted(written)

    def explain(self, method: str, T: tf.Tensor, X: Any, xs: Any, ys: Any = None, batch_size: int | None = None,
                feed_dict: Any = None, return_delta: bool = False, return_std_error: bool = False, progress: Any = False,
                memory_limit: int | None = None, out: Any = None, jit_compile: bool = False, **parameters: Any) -> Any:
        """get_explainer and Explainer.run in one call; see both.

        The same method, T, X and parameters again add nothing to the graph, and neither does a call that ends in an error.
        """
        parameters = _with_jit(parameters, jit_compile)
        tokens = self._tokens(method, T, X, parameters)
        if tokens is not None:
            return tokens.run(xs, ys, batch_size, feed_dict, return_delta, return_std_error, progress, memory_limit, out)
        explainer, written = self._compiled(method, T, X, parameters)
        return explainer.weighted(written).run(xs, ys, batch_size, feed_dict, return_delta, return_std_error, progress, memory_limit, out)

    def audit(self, method: str, T: Any, X: Any, **parameters: Any) -> Audit:
        """How `method` treats every op between X and T, before any data is run: linear, by a rule (which), by the general rule, by its plain
        gradient, not differentiable, or refused; see Audit. Adds nothing to the graph. Errors are those of get_explainer, but for ops
        that the method refuses, which are in the table."""
        ids, target = self._resolve(X), self._resolve(T)
        if isinstance(ids, tf.Tensor) and ids.dtype.is_integer:
            X = lookups(checks.target(target, self.graph), checks.tensor(ids, self.graph, 'X')) or ids
            parameters = {k: v for k, v in parameters.items() if k not in ('sum_embedding', 'baseline')}
        return self._compiled(method, target, X, parameters)[0].audit()

    def _tokens(self, method: str, T: Any, X: Any, parameters: dict[str, Any]) -> TokenExplainer | None:
        """The explainer for an integer X with embedding lookups behind it; None for any other X."""
        self._check_entered()
        ids, target = self._resolve(X), self._resolve(T)
        if not isinstance(ids, tf.Tensor) or not ids.dtype.is_integer:
            return None
        found = lookups(checks.target(target, self.graph), checks.tensor(ids, self.graph, 'X'))
        if not found:
            return None

        def make(given):
            explainer, written = self._compiled(method, target, found if len(found) > 1 else found[0], given)
            explainer.compile()
            return explainer.weighted(written)
        return TokenExplainer(make, self.session, ids, found, parameters)

    def _compiled(self, method: str, T: Any, X: Any, parameters: dict[str, Any]) -> tuple[Explainer, np.ndarray | None]:
        """The explainer of T without the weights written into it, and these weights."""
        self._check_entered()
        checks.check_open(self.session)
        T, X = self._resolve(T), [self._resolve(x) for x in X] if isinstance(X, (list, tuple)) else self._resolve(X)
        inputs, many = checks.inputs(X, self.graph)
        with graph_lock(self.graph):
            target, written = split_weights(checks.target(T, self.graph), inputs)
            compiled = _compiled_for(self.session)
            question = target.name, *(x.name for x in inputs)
            key: tuple = _frozen(method), many, *question, *((k, _frozen(v)) for k, v in sorted(parameters.items()))
            if key in compiled.explainers:
                return compiled.explainers[key], written
            jit = parameters.get('jit_compile', False)
            method_object = create(method, {k: v for k, v in parameters.items() if k != 'jit_compile'})
            if (jit, question) not in compiled.models:
                compiled.models[jit, question] = Model(self.session, target, inputs, self._source.layers if self._source else None, jit)
            squashed = before_squashing(target)
            if squashed is not None:
                checks.warn(f'T "{target.name}" is the output of {target.op.type}: the shares of all classes mix, and a saturated probability '
                            f'has no gradient. Target "{squashed.name}" instead: de.logits(T)', TargetWarning)
            model = compiled.models[jit, question]
            compiled.explainers[key] = Explainer(method_object, model.keeping_masks if method_object.masks == 'keep' else model, many)
            return compiled.explainers[key], written

    def _check_entered(self) -> None:
        if not self._entered:
            raise ContextError('get_explainer, explain and audit can be called only inside "with DeepExplain(session) as de:". '
                               'Explainers made there work outside')

    def _resolve(self, value: Any) -> Any:
        """Names and Keras symbolic tensors as tensors; anything else is checked later."""
        return self.tensor(value) if isinstance(value, str) or type(value).__name__ == 'KerasTensor' else value


class Tensors(Sequence[tf.Tensor]):
    """Tensors by position and by name."""

    def __init__(self, tensors: Sequence[tf.Tensor], names: Mapping[str, tf.Tensor]):
        self._tensors = list(tensors)
        mine = {t.name for t in tensors}
        self._names = {name: t for name, t in names.items() if t.name in mine}

    def __len__(self) -> int:
        return len(self._tensors)

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, str):
            return self._tensors[key]
        found = self._names[key] if key in self._names else next((t for t in self._tensors if key in (t.name, t.op.name)), None)
        if found is None:
            raise TensorError(f'no tensor {key!r} here. There are: '
                              + ', '.join([*self._names] or [t.name for t in self._tensors]))
        return found

    def __repr__(self) -> str:
        return repr(self._tensors)


class Description(list):
    """Rows (name, shape, op, layer, role); printed as a table."""

    def __str__(self) -> str:
        rows = [('tensor', 'shape', 'op', 'layer', ''), *self]
        widths = [max(len(r[k]) for r in rows) for k in range(5)]
        return '\n'.join('  '.join(v.ljust(w) for v, w in zip(r, widths)).rstrip() for r in rows)

    def __repr__(self) -> str:
        return f'<{len(self)} tensors>'


@dataclass
class _Compiled:
    """What was compiled for a session, so that a second context finds it."""
    models: dict[tuple, Model] = field(default_factory=dict)
    explainers: dict[tuple, Explainer] = field(default_factory=dict)


def _compiled_for(session: Any) -> _Compiled:
    """Kept on the session itself: it goes when the session goes, which a table with the session as key would prevent."""
    return vars(session).setdefault('_deepexplain2_compiled', _Compiled())


def _with_jit(parameters: dict[str, Any], jit_compile: bool) -> dict[str, Any]:
    return parameters | {'jit_compile': True} if checks.flag(jit_compile, 'jit_compile') else parameters


def _frozen(value: Any) -> Any:
    """A hashable stand-in for a parameter, equal for equal values; for what is not an array of numbers, equal to nothing."""
    if callable(value):
        return 'callable', value
    if value is None or isinstance(value, (str, bool, int, float, np.generic)):
        return type(value).__name__, value
    if isinstance(value, (list, tuple)):
        return type(value).__name__, *(_frozen(v) for v in value)
    if isinstance(value, np.ndarray) and value.dtype != object:
        return value.shape, value.dtype.str, value.tobytes()
    return object()
