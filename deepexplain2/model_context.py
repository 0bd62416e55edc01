"""A graph and a session to be explained, and what their tensors are called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cached_property
from typing import Any

import tensorflow as tf
from typing_extensions import Self  # comes with TensorFlow

from .errors import ContextError, TensorError
from .graph.walks import explainable, user_placeholders
from .kinds_of_values import flag
from .session import HoldsSession, check_open, open_session
from .sources import (
    Source,
    from_callable,
    from_function,
    from_graph_def,
    from_keras,
    from_saved_model,
    self_check,
    terminal_outputs,
)
from .sources.names import Names, one_of
from .sources.tensors_by_name import Description, Tensors
from .tensors import as_tensor, shape_text


class ModelContext(HoldsSession):
    """A session and its graph: how it is opened and closed, and what its tensors are called."""

    def __init__(self, session: Any = None, graph: tf.Graph | None = None):
        self.session, self.graph = open_session(session, graph)
        # of a graph and session of our own, which `close` closes
        self._source: Source | None = None
        self._entered: list[ExitStack] = []

    @classmethod
    def from_keras(cls, model: Any, input_signature: Sequence[tf.TensorSpec] | None = None,
                   check: bool = True) -> Self:
        """A context for a Keras model, or for the path of a saved one.

        Parameters
        ----------
        model : Keras 3 or tf_keras model (Functional, Sequential, subclassed), or path
            What is explained is `model(x, training=False)`, as in `predict`: a `call` of your own is used,
            layers that train by default do not, those that draw or count are as they are in inference.
        input_signature : tf.TensorSpec, or a list or dict of one per input, optional
            What the model takes, with None for the batch. Subclassed models that do not know their input need
            it; for the others it fixes sizes that they leave open.
        check : bool, default True
            Whether a few rows go through the graph and through `model(x, training=False)`: SourceError where
            their outputs differ beyond rounding, SourceWarning where the model fails on all that is tried.
            Nothing of the model changes by it. Where the model leaves an axis open, two lengths are tried.

        Returns
        -------
        DeepExplain
            With a graph of its own and a snapshot of the weights: the model, its optimizer and Keras stay as
            they are, and later training does not reach the context. Symbolic tensors of the model
            (`layer.output`, `model.input`) and layer names can be given as T and X, see `tensor`.

        Raises
        ------
        SourceError
            Where the model cannot be traced, the signature does not fit, or eager execution is off.

        Notes
        -----
        Cost: one trace of the model, and for the check, at each length, one eager call with 3 rows and one
        run of the graph.
        """
        return cls._of('from_keras', check, from_keras, model, input_signature)

    @classmethod
    def from_saved_model(cls, path: Any, signature: str = 'serving_default', check: bool = True) -> Self:
        """A context for one signature of a SavedModel (TensorFlow 2, Keras export, or TensorFlow 1).

        Parameters
        ----------
        path : str or path
            The folder.
        signature : str, default 'serving_default'
            Its name.
        check : bool, default True
            Whether a few rows of the graph are compared with the signature, see `from_keras`.

        Returns
        -------
        DeepExplain
            With a snapshot of the weights.

        Raises
        ------
        SourceError
            For a path without a SavedModel, or an unknown signature, which lists the known ones.
        """
        return cls._of('from_saved_model', check, from_saved_model, path, signature)

    @classmethod
    def from_graph_def(cls, graph_def: Any, check: bool = True) -> Self:
        """A context for a frozen GraphDef.

        Parameters
        ----------
        graph_def : tf.compat.v1.GraphDef or path
            A proto, or a binary or text file.
        check : bool, default True
            As in the other ways in; a graph is its own model, and there is nothing to compare it with.

        Returns
        -------
        DeepExplain
            Inputs are the placeholders of the graph, outputs the tensors that nothing takes.

        Raises
        ------
        SourceError
            For other files, and for graphs with variables.
        """
        return cls._of('from_graph_def', check, from_graph_def, graph_def)

    @classmethod
    def from_function(cls, fn: Callable, input_signature: Sequence[tf.TensorSpec] | None = None,
                      check: bool = True) -> Self:
        """A context for a function of tensors, with a snapshot of the variables that it uses.

        Parameters
        ----------
        fn : tf.function, ConcreteFunction or Python function
            What is explained.
        input_signature : sequence of tf.TensorSpec, optional
            One per argument, None for the batch; not needed for a ConcreteFunction or a tf.function that has
            one.
        check : bool, default True
            Whether a few rows of the graph are compared with the function, see `from_keras`.

        Returns
        -------
        DeepExplain

        Raises
        ------
        SourceError
            Where the function cannot be traced or frozen.
        """
        return cls._of('from_function', check, from_function, fn, input_signature)

    @classmethod
    def from_callable(cls, fn: Callable, input_signature: Sequence[tf.TensorSpec],
                      output_signature: Any = None) -> Self:
        """A context for any function of NumPy arrays, as a black box: a scikit-learn model, PyTorch, ONNX
        Runtime, TensorFlow Lite, a remote service.

        It is explained by the methods that need only values (occlusion, shapley_sampling); `value`,
        `evaluate` and targets serve as well. Methods that need gradients are refused.

        Parameters
        ----------
        fn : callable
            Takes one array per entry of `input_signature`, all with the same rows, and returns an array with
            one entry per row, or a tuple or dict of them: whatever NumPy makes an array of numbers of. It is
            called once per run, by the thread that explains, with at most `batch_size` rows. The arrays are
            its own: it may write into them.
        input_signature : list of tf.TensorSpec
            One entry per argument, None for the batch; a dict or tuple of them where fn takes one.
        output_signature : tf.TensorSpec, or tuple or dict of them, optional
            What fn returns, None for the batch. By default seen from one call with a row of zeros, which
            costs that call.

        Returns
        -------
        DeepExplain
            Later changes of the model behind fn reach the context; fn is released with the context.

        Raises
        ------
        SourceError
            Where a signature does not fit, or fn fails or returns something else at that call.

        Notes
        -----
        What fn raises while it explains is a RunError with that error as its cause. An answer for a row
        that changes with the other rows is an error, one that changes from call to call a RandomWarning. A
        model of DataFrames: `lambda x: model.predict_proba(pd.DataFrame(x, columns=names))`.

        Examples
        --------
        >>> black_box = DeepExplain.from_callable(lambda x: x ** 2, [tf.TensorSpec((None, 3), tf.float64)])
        >>> with black_box as de:
        ...     attributions = de.explain('occlusion', de.outputs[0], de.inputs[0], [[1., 2., 3.]])
        >>> attributions
        array([[1., 4., 9.]])
        """
        return cls._of('from_callable', False, from_callable, fn, input_signature, output_signature)

    @classmethod
    def _of(cls, way: str, check: bool, make: Callable[..., Source], *given: Any) -> Self:
        flag(check, 'check')
        source = make(*given)
        if check:
            self_check.check(source, way)
        source.original, source.states = None, []       # the context does not keep the model
        context = cls(tf.compat.v1.Session(graph=source.graph, config=source.config))
        context._source = source
        return context

    def __enter__(self) -> Self:
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
        """The tensor of this context's graph that a name stands for.

        Parameters
        ----------
        name : str, tensor or Keras symbolic tensor
            'scope/op:0', which is always that tensor; an op ('scope/op'), an input, output or Keras layer by
            name; a Keras symbolic tensor; or a tensor of the graph itself. A layer in a model or layer is
            'backbone/conv', or 'conv' where no other layer has that name; the calls of a shared layer are
            'enc/0' and 'enc/1', the outputs of a layer with several 'lstm:0' and 'lstm:1'.

        Returns
        -------
        tf.Tensor

        Raises
        ------
        TensorError
            With the closest names where there is no such tensor, and with all that it could mean where there
            are several.
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

    @cached_property
    def _layers(self) -> dict[str, tf.Tensor]:
        return {layer.label: layer.tensor for layer in self._names.layers if layer.tensor is not None}

    def _resolve(self, value: Any) -> Any:
        """Names and Keras symbolic tensors as tensors; anything else is checked later."""
        return (self.tensor(value) if isinstance(value, str) or type(value).__name__ == 'KerasTensor'
                else value)
