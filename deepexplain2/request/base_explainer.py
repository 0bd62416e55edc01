"""What every explainer can be asked: run, stream, explanation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from typing_extensions import Unpack  # comes with TensorFlow

from ..errors import ParameterError
from ..explanation import Explanation
from ..session import HoldsSession
from .form import ONE, Form
from .options import STREAMED, Options, RunOptions, StreamOptions, parse
from .output import PIECE, ClassOutputs, Output
from .samples import Samples
from .streaming import batches_of, is_for_all, ys_of_batch


class Finished(NamedTuple):
    """A run that is over. samples: what it explained. ys: classes or weights of T per row, or None."""

    output: ClassOutputs
    samples: Samples
    ys: np.ndarray | None


class BaseExplainer(HoldsSession):
    """Base of explainers: what is asked of them goes through one run, `_run`, which each explainer has."""

    _form: Form
    _layer: tf.Tensor | None = None         # what the attributions are shaped like; None for X

    def _run(self, xs: Any, ys: Any, options: Options) -> Finished:
        """Explain arrays or DataFrames."""
        raise NotImplementedError

    def _check_options(self, options: Options) -> None:
        """Raise where the method cannot give what the options ask for."""
        raise NotImplementedError

    def _classes(self, options: Options) -> int | None:
        """How many classes maps are wanted of; None where one map is."""
        raise NotImplementedError

    def _rows(self) -> int:
        """Rows per run when no batch_size is given."""
        raise NotImplementedError

    @property
    def _dtypes(self) -> list[Any]:
        """Dtypes of the attributions."""
        raise NotImplementedError

    @property
    def _result_form(self) -> Form:
        """How the attributions are returned: as X was given, or those of a layer."""
        return self._form if self._layer is None else ONE

    def _about(self) -> dict[str, Any]:
        """Fields of an Explanation that do not depend on xs."""
        raise NotImplementedError

    def run(self, xs: Any, ys: Any = None, batch_size: int | None = None,
            **options: Unpack[RunOptions]) -> Any:
        """Attributions of T to X for the samples xs.

        Parameters
        ----------
        xs : array, DataFrame, list of them, or tf.data.Dataset
            Shaped like X, (n,) + features; for a list X a list with equally many rows in each. A memmap is
            read piece by piece. The columns of a pandas DataFrame are the features: those of the first one
            that an explainer is given, and their order, must be those of every later one. Of a
            tf.data.Dataset each batch, xs or (xs, ys), is a run, and the results are joined; for a list X a
            batch is ((a, b), ys), as (a, b) is taken for (xs, ys). Token ids: (n, tokens).
        ys : array, Series, int or str, optional
            What of T to explain. For T of shape (batch, classes): integer class indices of shape (n,), one
            integer for all rows, or 'predicted', the class with the largest T in each row (costs one
            evaluation per row). For T with more axes: index tuples, integers of shape (n, axes without the
            batch). For any T: floats as weights, shaped like T (rows may broadcast), or 'sum' of all units,
            which is the default, with a TargetWarning where there are several. The index of a Series must be
            that of xs. For a function or Target with data: these, one entry per row.
        batch_size : int, optional
            Rows in one session.run, at most; by default chosen from the size of a row, and by timing. The
            result does not depend on it, up to rounding.
        feed_dict : dict, optional
            Values of other placeholders that T needs, by tensor. A value with one entry per row of xs goes
            with its rows.
        return_delta : bool, default False
            Whether to return the gap of every row too, (n,) in float64, in units of T: f(x) - f(baseline)
            minus the sum of the attributions; for elrp f(x) minus the sum, which is what biases and the
            stabilizer absorbed. For methods that promise a sum: intgrad, deeplift, shapley_sampling, elrp.
            Cost: 2 more evaluations per row, 1 for elrp. Where T is one value for all rows of a batch that
            the graph fixes, their attributions sum to it together: (number of batches,).
        return_std_error : bool, default False
            Whether to return the standard errors of methods that draw samples too, shaped like the
            attributions.
        progress : bool or callable, default False
            True for a progress bar (tqdm where it is installed, else a line of text), or a function that is
            called with a Progress after every session.run. Its total shrinks where inputs need not be
            evaluated.
        classes : 'all' or list of int, optional
            Several classes of a T of shape (batch, classes), in place of ys: one map for each of them.
            Perturbation methods evaluate T once for all classes, as do return_delta and `explanation`; of
            gradient and rule methods the compiled query is shared, and the graph is run for each class.
        memory_limit : int, optional
            Bytes that the tensors between X and T may take in one session.run, when batch_size is not given;
            by default half of the memory that is free. See `plan`.
        out : array or memmap, or list of them, optional
            Shaped like the attributions, which are written into it piece by piece, of 16 runs each: nothing
            as large as the result is held in memory. When a run is interrupted, the pieces before are
            written.

        Returns
        -------
        array, or list of arrays for a list X
            Shaped like xs, in the dtype of X (of T for an integer X), in units of T; `out` where it is given.
            Of a method with a layer one array, shaped like the layer, in its dtype.
            shapley_sampling returns (n,) + the sampled axes; for token ids (n, tokens, dim), or (n, tokens)
            with sum_embedding. With return_delta or return_std_error a tuple: (attributions, delta),
            (attributions, standard errors), or (attributions, standard errors, delta). With classes all of
            these have a first axis for the classes, `out` too: (classes,) + shape.

        Raises
        ------
        ShapeError, ValueRangeError, FeedError, ParameterError, TensorError, ContextError
            Before anything is run; TensorError as soon as the first axis of T turns out not to be the batch;
            ValueRangeError where T or its gradient is NaN or infinite, naming the op where that begins.
        RunError
            Where TensorFlow fails.

        Notes
        -----
        Where T has no batch axis (a scalar, say) every row is explained in a run of its own. Token ids cost
        one lookup per row more; where they are looked up in several tables the attributions are added up,
        which without sum_embedding needs tables of one width.
        """
        checked = self._parsed(batch_size, options)
        if not isinstance(xs, tf.data.Dataset):
            return self._returned(self._run(xs, ys, checked).output, checked)
        if ys is not None and not is_for_all(ys):
            raise ParameterError('xs is a tf.data.Dataset: ys comes with it, in batches (xs, ys)')
        whole = ClassOutputs(checked.out, None, self._dtypes, self._result_form, (), self._classes(checked))
        for batch_xs, batch_ys in batches_of(xs, 0, self._form):
            found = self._run(batch_xs, ys_of_batch(batch_ys, ys), replace(checked, out=None)).output
            whole.form = found.form
            for part, of_batch in zip(whole.parts, found.parts):
                part.add(of_batch.arrays(), of_batch.more())
        return self._returned(whole, checked)

    def stream(self, batches: Any, batch_size: int | None = None, *, ys: int | str | None = None,
               **options: Unpack[StreamOptions]) -> Iterator[Any]:
        """Attributions of one batch after the other, in order, as they are asked for; only one batch is held.

        Parameters
        ----------
        batches : iterable of xs or of tuples (xs, ys), array or DataFrame
            A generator, a list, a tf.data.Dataset that is batched, chunks of pandas.read_csv; an array,
            memmap or DataFrame is cut into pieces of 16 runs each. For a list X an xs is a list.
        batch_size, **options
            As for `run`, without `out`; each batch goes through with them.
        ys : int, 'predicted' or 'sum', optional
            As for `run`, for batches that come without ys of their own.

        Returns
        -------
        iterator
            What `run` returns, for each batch.
        """
        checked = parse(batch_size, options, 'stream', STREAMED, self._parameter_names)
        pieces = batches_of(batches, PIECE * (batch_size or self._rows()), self._form)
        if ys is not None and not is_for_all(ys):
            raise ParameterError('ys of a stream come with it, in batches (xs, ys), unless they are one '
                                 'class for all rows, "predicted" or "sum"')
        return self._streamed(pieces, ys, checked)

    def _streamed(self, pieces: Iterator[tuple[Any, Any]], ys: Any, options: Options) -> Iterator[Any]:
        for xs, own in pieces:
            self._check_options(options)
            yield self._returned(self._run(xs, ys_of_batch(own, ys), options).output, options)

    def explanation(self, xs: Any, ys: Any = None, batch_size: int | None = None,
                    **options: Unpack[RunOptions]) -> Explanation | list[Explanation]:
        """The attributions of `run` with what they explain: samples, outputs, gaps, names, parameters.

        Parameters
        ----------
        xs, ys, batch_size, **options
            As for `run`. xs is not a tf.data.Dataset: make one Explanation for each of its batches.

        Returns
        -------
        Explanation, with classes a list of them, one for each class
            With T at xs; for methods with a baseline also T at the baseline; for methods that promise a sum
            the gap; with return_std_error=True the standard errors. Names of features are the columns of a
            DataFrame.

        Notes
        -----
        Costs one evaluation of T per row more than `run`, and one more per baseline.
        """
        checked = replace(self._parsed(batch_size, options), with_ends=True)
        if isinstance(xs, tf.data.Dataset):
            raise ParameterError('an Explanation holds xs, and xs is a tf.data.Dataset. Give arrays, or the '
                                 'xs and ys of each batch')
        given = ys
        output, samples, ys = self._run(xs, ys, checked)
        if ys is None and given is not None:            # data of the rows, for a target of its own kind
            kept = np.asarray(given)
            ys = kept if kept.dtype != object and kept.ndim and len(kept) == len(samples.arrays[0]) else None
        if checked.classes is not None:
            assert ys is not None
            return [self._explanation(part, samples, y) for part, y in zip(output.parts, ys)]
        return self._explanation(output.parts[0], samples, ys)

    def _explanation(self, output: Output, samples: Samples, ys: np.ndarray | None) -> Explanation:
        """What was found of samples."""
        arrays, more = output.arrays(), output.more()
        n, error = len(arrays[0]), more.get('std_error')
        # T of a fixed batch that is one value for all of its rows is not about single rows
        ends: dict[str, Any] = {name: more[name] for name in ('fx', 'f_baseline', 'delta')
                                if len(more.get(name, ())) == n}
        names = [c if c is not None and len(c) == a[0].size and self._layer is None else None
                 for a, c in zip(arrays, samples.columns)]
        is_list = self._result_form.is_list
        return Explanation(
            arrays if is_list else arrays[0],
            samples.arrays if self._form.is_list else samples.arrays[0], **ends, **self._about(),
            std_error=error if error is None or is_list else error[0], ys=ys,
            feature_names=names if any(names) else None, index=samples.labels(),
            by_feature=more.get('by_feature'), r2=more.get('r2'),
            by_feature_names=self._feature_names(samples))

    def _feature_names(self, samples: Samples) -> list[Any] | None:
        """The names of the features where attributions are by feature, if they have some."""
        return None

    def _parsed(self, batch_size: Any, options: Any) -> Options:
        checked = parse(batch_size, options, parameters=self._parameter_names)
        self._check_options(checked)
        return checked

    def _parameter_names(self) -> list[str]:
        return list(self._about()['parameters'])

    def _returned(self, output: ClassOutputs, options: Options) -> Any:
        """As `run` returns it: the attributions, or a tuple with what else was asked for."""
        more = output.more()
        wanted = []
        if options.return_std_error:
            wanted.append(self._result_form.returned(more['std_error']))
        if options.return_delta:
            wanted.append(more['delta'])
        return (output.values(), *wanted) if wanted else output.values()
