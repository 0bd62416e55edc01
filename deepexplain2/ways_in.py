"""How a context is made of a model: the from_... methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf
from typing_extensions import Self  # comes with TensorFlow

from .kinds_of_values import flag
from .session import HoldsSession, open_session
from .sources import (
    Source,
    from_callable,
    from_checkpoint,
    from_function,
    from_graph_def,
    from_keras,
    from_saved_model,
    self_check,
)


class WaysIn(HoldsSession):
    """A session and its graph, of the user or made of a model."""

    def __init__(self, session: Any = None, graph: tf.Graph | None = None):
        self.session, self.graph = open_session(session, graph)
        # of a graph and session of our own, which `close` closes
        self._source: Source | None = None

    @classmethod
    def from_keras(cls, model: Any, input_signature: Sequence[Any] | Mapping[str, Any] | None = None,
                   check: bool = True, *, custom_objects: Mapping[str, Any] | None = None) -> Self:
        """A context for a Keras model, or for the path of a saved one.

        Parameters
        ----------
        model : Keras 3 or tf_keras model (Functional, Sequential, subclassed), or path
            The path of a .keras, .h5 or .hdf5 file, or of the SavedModel of a Keras 2 model; what Keras 2
            wrote is read with tf_keras where that is installed. What is explained is
            `model(x, training=False)`, as in `predict`: a `call` of your own is used, layers that train by
            default do not, those that draw or count are as they are in inference.
        input_signature : tf.TensorSpec, or a list or dict of one per input, optional
            What the model takes, with None for the batch. Subclassed models that do not know their input need
            it; for the others it fixes sizes that they leave open.
        check : bool, default True
            Whether a few rows go through the graph and through `model(x, training=False)`: SourceError where
            their outputs differ beyond rounding, SourceWarning where the model fails on all that is tried.
            Nothing of the model changes by it. Where the model leaves an axis open, two lengths are tried.
        custom_objects : dict of str to class or function, optional
            Classes and functions of your own that the file at a path names.

        Returns
        -------
        DeepExplain
            With a graph of its own and a snapshot of the weights: the model, its optimizer and Keras stay as
            they are, and later training does not reach the context. Symbolic tensors of the model
            (`layer.output`, `model.input`) and layer names can be given as T and X, see `tensor`.

        Raises
        ------
        SourceError
            Where the file cannot be read, the model cannot be traced, the signature does not fit, or eager
            execution is off.

        Notes
        -----
        Cost: one trace of the model, and for the check, at each length, one eager call with 3 rows and one
        run of the graph.
        """
        return cls._of('from_keras', check, from_keras, model, input_signature, custom_objects)

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
            With a snapshot of the weights. Inputs are in the order of the arguments of the function that the
            signature calls, where TensorFlow 2 wrote it, and in the order of their names otherwise. Inputs
            and outputs are named by the keys of the signature.

        Raises
        ------
        SourceError
            For a path without a SavedModel, or an unknown signature, which lists the known ones.

        Notes
        -----
        Where the objects in a SavedModel cannot be made again, e.g. the optimizer of Keras 2 without
        tf_keras, its graph is loaded as one of TensorFlow 1.
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
    def from_checkpoint(cls, path: Any) -> Self:
        """A context for a graph of TensorFlow 1 with its checkpoint, as `tf.train.Saver` writes them.

        Parameters
        ----------
        path : str or path
            What `Saver.save` returned ('model.ckpt-1000'), one of its files, or the folder with the file
            `checkpoint`, of which the latest is taken.

        Returns
        -------
        DeepExplain
            With a graph and a session of its own, which `close` closes; the weights are variables of the
            session. Inputs are the placeholders, also those of training, such as `is_training`: feed them by
            feed_dict. Outputs are the floating tensors that depend on them and that nothing takes but
            gradients, updates and summaries.

        Raises
        ------
        SourceError
            Where the .meta file, the index or the data are missing or damaged, or do not fit one another.

        Notes
        -----
        Devices are cleared. Shapes that the file says and that this TensorFlow does not infer are dropped.
        """
        return cls._of('from_checkpoint', False, from_checkpoint, path)

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
        context = cls(source.session or tf.compat.v1.Session(graph=source.graph, config=source.config))
        context._source = source
        return context
