"""Explaining token ids at the output of their embedding lookups."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from . import checks
from .errors import ParameterError
from .explainer import Explainer
from .model import reported
from .pieces import Answers, Streaming

ROWS = 256      # of ids that are looked up in one run, unless batch_size says


class TokenExplainer(Streaming):
    """An Explainer for integer X: `run` takes token ids and attributes at the output of the embedding lookups behind them.

    make: from parameters to the Explainer of the lookups. baseline: 'zero' (the zero vector), a token id (e.g. that of the padding), or
    an array in the space of the embedding. sum_embedding: whether attributions are summed over the axis of the embedding.
    """

    def __init__(self, make: Callable[[dict[str, Any]], Explainer], session: Any, ids: tf.Tensor, lookups: list[tf.Tensor],
                 parameters: dict[str, Any]):
        self._make, self._session, self._ids, self._lookups = make, session, ids, lookups
        self._parameters = dict(parameters)
        self._sum = bool(self._parameters.pop('sum_embedding', False))
        self._baseline = self._parameters.get('baseline', 'zero')
        if isinstance(self._baseline, str):
            if self._baseline != 'zero':
                raise ParameterError(f"baseline must be 'zero', a token id or an array shaped like the embedded tokens, not {self._baseline!r}")
            self._parameters.pop('baseline', None)
        self._make(self._parameters | ({'baseline': 0} if self._is_token() else {}))      # compiles, and checks the parameters

    def __repr__(self) -> str:
        return f'<TokenExplainer: {self._ids.name} at {", ".join(t.name for t in self._lookups)}>'

    def run(self, xs: Any, ys: Any = None, batch_size: int | None = None, feed_dict: Mapping[tf.Tensor, Any] | None = None,
            return_delta: bool = False, return_std_error: bool = False, progress: Any = False, memory_limit: int | None = None,
            out: Any = None) -> Any:
        """Attributions of T to the embedded tokens, (n, tokens, dim), or (n, tokens) with sum_embedding.

        xs: token ids, (n, tokens), or a tf.data.Dataset of batches of them. The other arguments and errors are those of Explainer.run. Where
        the ids are looked up in several tables the attributions are added up, which without sum_embedding needs tables of one width.
        Cost: a lookup per row beside that of the method.
        """
        answers = Answers(out, None, [self._lookups[0].dtype.as_numpy_dtype], False)
        if isinstance(xs, tf.data.Dataset):
            return self._run_dataset(xs, ys, answers, batch_size, feed_dict=feed_dict, return_delta=return_delta,
                                     return_std_error=return_std_error, progress=progress, memory_limit=memory_limit)
        ids, = checks.samples(xs, [self._ids], False)
        feeds = dict(feed_dict or {})
        parameters = dict(self._parameters)
        if self._is_token():
            token = checks.array(self._baseline, self._ids.dtype, 'the token id given as baseline')
            embedded = self._look_up(np.full_like(ids[:1], token), {}, 1)
            parameters['baseline'] = embedded if len(self._lookups) > 1 else embedded[0]
        embedded = self._look_up(ids, feeds, batch_size or ROWS)
        explainer = self._make(parameters)
        feeds[self._ids] = ids
        if return_std_error and self._sum:
            raise ParameterError('return_std_error: standard errors of a sum over the embedding are not those of its parts. Sample tokens: '
                                 'sampling_dims=[1]')
        result = explainer.run(embedded if len(self._lookups) > 1 else embedded[0], ys, batch_size, feeds, return_delta, return_std_error,
                               progress, memory_limit)
        result, *more = result if return_delta or return_std_error else (result,)
        parts = result if len(self._lookups) > 1 else [result]
        if self._sum:
            parts = [p.sum(-1) if p.ndim > ids.ndim else p for p in parts]
        if len({p.shape for p in parts}) > 1:
            raise ParameterError('the ids are looked up in tables of different widths: '
                                 + ', '.join(f'"{t.name}" {p.shape[1:]}' for t, p in zip(self._lookups, parts))
                                 + '. Take sum_embedding=True, or explain the lookups themselves')
        answers.add([np.sum(parts, 0) if len(parts) > 1 else parts[0]], *more)
        return answers.whole()

    def _rows(self) -> int:
        return ROWS

    def _is_token(self) -> bool:
        return isinstance(self._baseline, (int, np.integer)) and not isinstance(self._baseline, bool)

    def _look_up(self, ids: np.ndarray, feeds: Mapping[Any, Any], rows: int) -> list[np.ndarray]:
        fixed = checks.batch_of(self._ids)
        if fixed:                               # filled up with the last row, and cut again
            full = ids[np.minimum(np.arange(-(-len(ids) // fixed) * fixed), len(ids) - 1)]
            rows = fixed
        else:
            full = ids
        others = {t: v for t, v in feeds.items() if np.ndim(v) == 0}
        checks.check_open(self._session)
        with reported(f'the embedding of "{self._ids.name}"'):
            parts = [self._session.run(self._lookups, {**others, self._ids: full[k:k + rows]}) for k in range(0, len(full), rows)]
        return [np.concatenate(p)[:len(ids)] for p in zip(*parts)]
