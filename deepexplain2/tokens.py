"""Explaining token ids at the output of their embedding lookups."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from .engine.failures import reported
from .engine.row_data import Feed
from .errors import ParameterError, TensorError, ValueRangeError, shown
from .explainer import Explainer
from .graph.lookups import vocabulary
from .kinds_of_values import flag
from .request.base_explainer import BaseExplainer, Finished
from .request.feeds import as_feeds, shared
from .request.form import ONE
from .request.frames import check_columns, is_series, series_to_array
from .request.options import Options
from .request.output import ClassOutputs
from .request.samples import as_samples
from .session import check_open
from .tensors import batch_of, sizes
from .values import as_array, as_numbers

ROWS = 256      # of ids that are looked up in one run, unless batch_size says


class TokenExplainer(BaseExplainer):
    """An Explainer for token ids as X, integers or floats: `run` attributes at the output of the embedding
    lookups behind them.

    make: from parameters to the Explainer of the lookups. baseline: 'zero' (the zero vector), a token id
    (e.g. that of the padding), or an array in the space of the embedding. sum_embedding: whether attributions
    are summed over the axis of the embedding.
    """

    _form = ONE                 # the attributions at several lookups are added up

    def __init__(self, make: Callable[[dict[str, Any]], Explainer], session: Any, ids: tf.Tensor,
                 lookups: list[tf.Tensor],
                 parameters: dict[str, Any]):
        self._make, self._session, self._ids, self._lookups = make, session, ids, lookups
        # of vocabularies
        self._sizes = [v for v in (vocabulary(t, ids) for t in lookups) if v is not None]
        self._parameters = dict(parameters)
        self._sum = flag(self._parameters.pop('sum_embedding', False), 'sum_embedding')
        self._token: np.ndarray | None = None
        self._columns: dict[str, list[Any]] = {}        # of the first DataFrame
        if 'baseline' in self._parameters:
            self._set_baseline(self._parameters.pop('baseline'))
        # checks the parameters
        self._checker = self._make(self._parameters | ({} if self._token is None else {'baseline': 0}))

    def compile(self) -> None:
        """Add the ops of the method to the graph, the first time."""
        self._checker.compile()

    def __repr__(self) -> str:
        return f'<TokenExplainer: {self._ids.name} at {", ".join(t.name for t in self._lookups)}>'

    def _about(self) -> dict[str, Any]:
        parameters = self._parameters | ({} if self._token is None else {'baseline': int(self._token)})
        return self._checker._about() | {
            'parameters': self._checker._method.parameters | parameters | {'sum_embedding': self._sum},
            'input_names': [self._ids.name]}

    def _check_options(self, options: Options) -> None:
        self._checker._check_options(options)
        if options.return_std_error and self._sum:
            raise ParameterError('return_std_error: standard errors of a sum over the embedding are not '
                                 'those of its parts. Sample tokens: sampling_dims=[1]')
        if options.return_std_error and len(self._lookups) > 1:
            raise ParameterError(f'return_std_error: the ids are looked up in {len(self._lookups)} tables, '
                                 f'and standard errors of a sum are not those of its parts. Explain the '
                                 f'lookups themselves')

    def _run(self, xs: Any, ys: Any, options: Options) -> Finished:
        samples = as_samples(xs, [self._ids], ONE)
        check_columns(self._columns, samples.columns, [self._ids])
        if is_series(ys):
            ys = series_to_array(ys, samples.index, 'ys')
        ids, = samples.arrays
        self._check_known(ids, f'xs for X "{self._ids.name}"')
        feeds = as_feeds(options.feed_dict, self._ids.graph, [self._ids], lambda t: False, len(ids))
        several, fed = len(self._lookups) > 1, _given(feeds) | {self._ids: ids}
        inner = replace(options, feed_dict=fed, out=None)
        output = self._output(ids, ys, inner, options.out)
        parameters = dict(self._parameters)
        others = {f.tensor: f.value for f in feeds.values() if not f.per_row}
        if self._token is not None:
            embedded = self._look_up(np.full_like(ids[:1], self._token), {}, 1)
            parameters['baseline'] = embedded if several else embedded[0]
        embedded = self._look_up(ids, others, options.batch_size or ROWS)
        found = self._make(parameters)._run(embedded if several else embedded[0], ys, inner)
        for part, at_lookups in zip(output.parts, found.output.parts):
            part.add([self._joined(at_lookups.arrays(), ids.ndim)], at_lookups.more())
        return Finished(output, samples, found.ys)

    def _set_baseline(self, given: Any) -> None:
        """A token id to look up, or what the method takes in the space of the embedding."""
        what = (f"baseline must be 'zero', a token id or an array of numbers shaped like the embedded "
                f"tokens, not {shown(given)}")
        if isinstance(given, str):
            if given != 'zero':
                raise ParameterError(what)
            return
        if callable(given) or given is None or (len(self._lookups) > 1 and isinstance(given, (list, tuple))):
            self._parameters['baseline'] = given
            return
        value = as_numbers(given, 'numbers', 'baseline')
        if value.ndim == 0:
            if value.dtype.kind not in 'iu':
                raise ParameterError(what)
            self._token = as_array(value, self._ids.dtype, 'the token id given as baseline')
            self._check_known(self._token, 'baseline')
        elif value.dtype.kind in 'iub':
            # (tokens, dim) integers could as well be ids of (rows, tokens)
            raise ParameterError(f'{what}. Ids in an array are not looked up: give their embedding as floats')
        else:
            self._parameters['baseline'] = given

    def _check_known(self, ids: np.ndarray, what: str) -> None:
        """Raise ValueRangeError for ids that are no whole numbers, or that a lookup does not know, where the
        size of its vocabulary is known."""
        if ids.dtype.kind == 'f' and (
            broken := ids.reshape(-1)[ids.reshape(-1) != np.rint(ids.reshape(-1))]).size:
            raise ValueRangeError(f'{what} holds {broken[0]}, and is looked up in an embedding: ids are '
                                  f'whole numbers')
        if self._sizes:
            size = min(self._sizes)
            wrong = ids.reshape(-1)[(ids.reshape(-1) < 0) | (ids.reshape(-1) >= size)]
            if wrong.size:
                raise ValueRangeError(f'{what} holds id {int(wrong[0])}, but the embedding behind '
                                      f'"{self._ids.name}" knows {size}: 0 to {size - 1}')

    def _output(self, ids: np.ndarray, ys: Any, options: Options, out: Any) -> ClassOutputs:
        """Where the attributions go; everything is checked that can be before the lookup, by zeros that take
        no memory."""
        features = [[d for d in sizes(t)[1:] if d is not None] for t in self._lookups]
        if any(t.shape.rank != len(f) + 1 for t, f in zip(self._lookups, features)):
            # an axis is open: how long the lookups are shows later
            return ClassOutputs(out, None, self._dtypes, ONE, [ids], self._classes(options))
        shapes = [(len(ids), *f) for f in features]
        zeros = [np.broadcast_to(np.zeros((), t.dtype.as_numpy_dtype), shape) for t,
                 shape in zip(self._lookups, shapes)]
        self._checker._checked(zeros if len(zeros) > 1 else zeros[0], ys, options)
        parts = self._checker._method.plan(shapes).shapes
        whole = self._summed(parts, ids.ndim)
        if len(set(whole)) > 1:
            raise self._widths(whole)
        return ClassOutputs(out, whole[:1], self._dtypes, ONE, [ids], self._classes(options))

    def _classes(self, options: Options) -> int | None:
        return self._checker._classes(options)

    def _summed(self, shapes: list[tuple[int, ...]], rank: int) -> list[tuple[int, ...]]:
        return [s[:-1] if self._sum and len(s) > rank else s for s in shapes]

    def _joined(self, parts: list[np.ndarray], rank: int) -> np.ndarray:
        """The attributions at all lookups, added up."""
        if self._sum:
            parts = [p.sum(-1) if p.ndim > rank else p for p in parts]
        if len({p.shape for p in parts}) > 1:
            raise self._widths([p.shape for p in parts])
        return np.sum(parts, 0) if len(parts) > 1 else parts[0]

    def _widths(self, shapes: list[tuple[int, ...]]) -> ParameterError:
        return ParameterError('the ids are looked up in tables of different widths: '
                              + ', '.join(f'"{t.name}" {s[1:]}' for t, s in zip(self._lookups, shapes))
                              + '. Take sum_embedding=True, or explain the lookups themselves')

    @property
    def _dtypes(self) -> list[Any]:
        return [self._lookups[0].dtype.as_numpy_dtype]

    def _rows(self) -> int:
        return ROWS

    def _look_up(self, ids: np.ndarray, feeds: Mapping[Any, Any], rows: int) -> list[np.ndarray]:
        fixed = batch_of(self._ids)
        if fixed:                               # filled up with the last row, and cut again
            full = ids[np.minimum(np.arange(-(-len(ids) // fixed) * fixed), len(ids) - 1)]
            rows = fixed
        else:
            full = ids
        check_open(self._session)
        with reported(f'the embedding of "{self._ids.name}"'):
            parts = [self._session.run(self._lookups, {**feeds, self._ids: full[k:k + rows]})
                     for k in range(0, len(full), rows)]
        found = [np.concatenate(p) for p in zip(*parts)]
        for t, f in zip(self._lookups, found):
            if len(f) != len(full):
                raise TensorError(f'the embedding lookup "{t.name}" of X "{self._ids.name}" gives {len(f)} '
                                  f'rows for {len(full)} rows of ids: its '
                                  'first axis is not the batch. Explain a tensor behind it whose first axis '
                                  'is')
        return [f[:len(ids)] for f in found]


def _given(feeds: Mapping[str, Feed]) -> dict[tf.Tensor, Any]:
    """feed_dict again, for the lookups."""
    return {f.tensor: f.value if f.per_row else shared(f.value) for f in feeds.values()}
