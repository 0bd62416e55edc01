"""The explainer for token ids as X."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from ..attribution.base import Method
from ..attribution.wrapper import Wrapper
from ..audit import Audit
from ..errors import FeedError, ParameterError, ShapeError
from ..explainer import OF_SETS, Explainer, RunPlan
from ..graph.lookups import Lookup
from ..graph.walks import ancestors, descendants
from ..kinds_of_values import flag
from ..request.base_explainer import BaseExplainer, Finished
from ..request.feeds import as_feeds, shared
from ..request.form import Form
from ..request.frames import check_columns, is_series, series_to_array
from ..request.options import Options
from ..request.output import ClassOutputs
from ..request.samples import as_samples
from .by_word import by_word, innermost
from .by_word import is_by_word as switches_words
from .references import TokenReferences
from .results import Results
from .tensors import Tensors

ROWS = 256      # of ids that are looked up in one run, unless batch_size says


class TokenExplainer(BaseExplainer):
    """An Explainer for an X with token ids, integers or floats: ids are explained at the output of the
    embedding lookups behind them, numbers beside them as they are.

    Parameters
    ----------
    make : function
        From a method to the Explainer of the tensors that are explained.
    session : Session
    target : tf.Tensor
        T.
    inputs : sequence of tf.Tensor
        X.
    lookups : sequence of lists of Lookup
        The lookups of each tensor X; none for numbers.
    form : Form
        How X was given.
    method : Method
        With its baseline as it was given: `'zero'` (the zero vector, the default), one token id, integers as
        the ids of one row (L,) or of every row (n, L), floats as vectors (..., dim), or a function of xs that
        returns one of these; for a list X a list of them.
    sum_embedding : bool
        Whether attributions at the lookups are summed over the axes of the embedding. Methods that perturb X
        switch whole words, and their attributions are by word either way.

    Notes
    -----
    Attributions of ids are (n, L, dim), by word (n, L); those at several lookups of the ids are added up.
    What the model computes from comparisons of the ids (masks, lengths) stays that of xs, at the baseline and
    where a word is switched off too.
    """

    def __init__(self, make: Callable[[Method], Explainer], session: Any, target: tf.Tensor,
                 inputs: Sequence[tf.Tensor], lookups: Sequence[list[Lookup]], form: Form, method: Method,
                 sum_embedding: Any = False):
        self._make, self._form, self._inputs = make, form, list(inputs)
        self._sum = flag(sum_embedding, 'sum_embedding')
        self._tensors = Tensors(session, inputs, lookups)
        self._references = TokenReferences(method, self._tensors, form)
        self._method = self._references.method              # without a baseline
        self._columns: dict[str, list[Any]] = {}            # of the first DataFrames, by tensor of X
        self._check_masks(target)
        self._results = Results(self._tensors, self._sum)
        rows = [tuple(x.shape.as_list()[1:]) if x.shape.rank else (None,) for x in self._inputs]
        # checks the parameters
        self._checker = make(by_word(self._method, self._tensors.words([(1, *row) for row in rows], None))
                             if any(None in row for row in rows) else self._switching(
                                 [(1, *row) for row in rows])[0])
        self._layer = self._checker._layer
        if self._sum and self._layer is not None:
            raise ParameterError(f'sum_embedding: the attributions are those of the layer '
                                 f'"{self._layer.name}", and not of the embedding. Leave it out')

    def _check_masks(self, target: tf.Tensor) -> None:
        """Raise ParameterError where masks are to follow ids, whose masks stay as they are."""
        inside = innermost(self._method)
        if 'masks' not in inside.parameters or inside.masks != 'follow':
            return
        ops = ancestors([target], {t.name for t in self._tensors.points})
        for x in self._tensors.ids:
            if target.name in descendants(ops, {x.ids.name}, set()):
                raise ParameterError(f"masks='follow': the model makes masks of the ids X \"{x.ids.name}\" "
                                     f"themselves, which stay those of xs: ids are explained at their "
                                     f"embedding. Leave out masks, or explain that and feed other ids")

    def compile(self) -> None:
        """Add the ops of the method to the graph, the first time."""
        self._checker.compile()

    def __repr__(self) -> str:
        names = ', '.join(x.name for x in self._inputs)
        return f'<TokenExplainer: {names} at {", ".join(t.name for t in self._tensors.points)}>'

    def audit(self) -> Audit:
        """How the method treats every op between the embeddings and T; see Audit. Runs nothing, and adds
        nothing to the graph."""
        return self._checker.audit()

    def plan(self, n: int, batch_size: int | None = None, memory_limit: int | None = None) -> RunPlan:
        """What `run` will do with n rows against one baseline; runs nothing. See `Explainer.plan`; the
        lookups are not counted.

        Parameters
        ----------
        n : int
            Rows of xs.
        batch_size, memory_limit
            As for `run`.

        Returns
        -------
        RunPlan

        Raises
        ------
        ShapeError
            Where X leaves the size of a feature axis open.
        ParameterError
            Where a tolerance decides.
        """
        shapes = [(1, *x.shape.as_list()[1:]) if x.shape.rank else (1, None) for x in self._inputs]
        if any(None in shape for shape in shapes):
            raise ShapeError('plan needs an X with known feature axes: '
                             + ', '.join(f'"{x.name}"' for x in self._inputs))
        method, _ = self._switching(shapes)
        return self._make(method).plan(n, batch_size, memory_limit)

    def _about(self) -> dict[str, Any]:
        given = self._references.given.fitted(self._checker._model)
        about = self._checker._about()
        names = about['input_names'] if self._layer is not None else list(
            self._form.keys or (x.name for x in self._inputs))
        return about | {'method': repr(given), 'input_names': names,
                        'parameters': given.parameters | {'sum_embedding': self._sum}}

    def _check_options(self, options: Options) -> None:
        self._checker._check_options(options)
        if options.return_std_error and self._references.is_set:
            raise ParameterError(f'return_std_error: {OF_SETS}')

    def _classes(self, options: Options) -> int | None:
        return self._checker._classes(options)

    def _rows(self) -> int:
        return ROWS

    @property
    def _dtypes(self) -> list[Any]:
        return self._checker._dtypes[:len(self._inputs)]

    def _switching(self, shapes: Sequence[tuple[int, ...]],
                   places: Sequence[Sequence[np.ndarray | None]] | None = None) -> tuple[Method, bool]:
        """(the method for xs of these shapes, whether its attributions are by word). Parameters that fit the
        axes of the embeddings only, such as a window over its entries, are for these."""
        if not switches_words(innermost(self._method)):
            return self._method, False
        words = self._tensors.words(shapes, places)
        if (isinstance(self._method, Wrapper) or self._references.is_set) \
                and any(p is not None and len(p) > 1 for w in words for p in w.places):
            raise ParameterError(f'{self._method.name}: what the model looks up at a place is another id '
                                 f'from row to row, which references and methods with a method inside do not '
                                 f'follow. Explain the embedding: X="{self._tensors.points[0].name}"')
        switching = by_word(self._method, words)
        embedded = self._tensors.shapes(shapes)
        try:
            switching.plan([s or (shapes[0][0],) for s in embedded])
        except (ParameterError, ShapeError) as e:
            if None in embedded or not self._tensors.are_plain:
                raise
            try:
                self._method.plan(embedded)
            except (ParameterError, ShapeError):
                raise e from None
            return self._method, False
        return switching, True

    def _run(self, xs: Any, ys: Any, options: Options) -> Finished:
        samples = as_samples(xs, self._inputs, self._form)
        check_columns(self._columns, samples.columns, self._inputs)
        if is_series(ys):
            ys = series_to_array(ys, samples.index, 'ys')
        arrays, n = samples.arrays, len(samples.arrays[0])
        for x, k in zip(self._tensors.ids, self._tensors.at):
            x.check(arrays[k], f'xs for X "{x.ids.name}"')
        given = self._form.by_tensor(options.feed_dict)
        feeds = as_feeds(given, self._inputs[0].graph, self._inputs, self._decides, n)
        for x in self._tensors.ids:
            x.check_fed(feeds, self._inputs)
        fed = {f.tensor: f.value if f.per_row else shared(f.value) for f in feeds.values()}
        inner = replace(options, out=None, feed_dict=fed | {x.ids: arrays[k] for x, k in
                                                           zip(self._tensors.ids, self._tensors.at)})
        shapes = [a.shape for a in arrays]
        output = self._output(shapes, arrays, ys, inner, options)
        parts = self._references.parts(arrays)
        embedded = self._tensors.embed(arrays, self._references.ids(parts, arrays), feeds,
                                       options.batch_size or ROWS)
        method, is_by_word = self._switching(shapes, embedded.places)
        explainer = self._make(self._references.onto(method, parts, embedded))
        found = explainer._run(self._tensors.flat(embedded.values), ys, inner)
        for part, of_class in zip(output.parts, found.output.parts):
            part.add(*self._results.of(of_class.arrays(), of_class.more(), embedded,
                                       is_by_word or self._layer is not None))
        return Finished(output, samples, found.ys)

    def _decides(self, tensor: tf.Tensor) -> bool:
        """Whether a tensor lies between ids and their embedding."""
        if any(self._tensors.decides(tensor)):
            raise FeedError(f'feed_dict feeds "{tensor.name}", which lies between X and its embedding: T '
                            f'would no longer depend on X through it')
        return False

    def _output(self, shapes: Sequence[tuple[int, ...]], arrays: Sequence[np.ndarray], ys: Any,
                inner: Options, options: Options) -> ClassOutputs:
        """Where the attributions go; everything is checked that can be before the lookup, by zeros that take
        no memory."""
        method, is_by_word = self._switching(shapes)
        self._results.check_options(options, is_by_word)
        embedded = self._tensors.shapes(shapes)
        planned = None
        if None not in embedded:
            zeros = [np.broadcast_to(np.zeros((), t.dtype.as_numpy_dtype), s)
                     for t, s in zip(self._tensors.points, embedded)]
            for k, at in enumerate(self._tensors.own):
                if at is not None:
                    zeros[at] = arrays[k]
            self._make(method)._checked(self._tensors.flat(zeros), ys, inner)
            planned = method.plan(embedded).shapes
        elif is_by_word:
            planned = method.plan([s or (len(arrays[0]),) for s in embedded]).shapes
        whole = None if planned is None else planned if is_by_word else self._results.shapes(planned, shapes)
        whole = whole if self._layer is None else self._checker._shapes(shapes)
        return ClassOutputs(options.out, whole, self._dtypes, self._result_form, arrays,
                            self._classes(options))
