"""The comparison of T of a row among other rows, beside copies of itself, and alone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from ..errors import RunError, TensorError
from ..graph.op_types import LOOPS, PYTHON_FUNCTIONS
from .answers import check_rows
from .model import Model
from .row_data import Feed
from .row_origin import ALIKE, Origin
from .row_runs import Place, Run, Take, apart, fixed_runs, open_runs, places_of

EPS = {2: 2. ** -10, 4: 2. ** -23, 8: 2. ** -52}
TIME = {'TensorListStack', 'TensorListGather', 'TensorListConcatV2', 'TensorArrayGatherV3',
        'TensorArrayConcatV3',
        'Cumsum', 'Cumprod', 'CumulativeLogsumexp', 'CudnnRNN', 'CudnnRNNV2', 'CudnnRNNV3', 'BlockLSTM',
        'BlockLSTMV2'}


class RowCheck:
    """Compares T of a few rows in all places where they stand in a few runs; TensorError where it differs."""

    def __init__(self, model: Model, take: Take, feeds: Mapping[str, Feed]):
        self._model, self._take, self._feeds = model, take, feeds
        path = model.path
        dtypes = [o.dtype for op in path.ops for o in op.outputs if o.dtype.is_floating and path.varies(o)]
        self.eps = max(2. ** -7 if d == tf.bfloat16 else EPS.get(d.size, 2. ** -3)
                       for d in [*dtypes, model.target.dtype])
        if model.calls_python:                          # which may compute in float32 and return float64
            self.eps = max(self.eps, EPS[4])

    def __call__(self, n: int, size: int, fixed: bool, first: int, between: int, last: int) -> bool:
        """Whether all n rows must run together although the graph does not say so."""
        together = fixed
        if not fixed:
            try:
                runs = [self.run(rows) for rows in open_runs(size, first, between, last)]
            except Unfit:
                together = True
        if together:
            count = size if fixed else n
            try:
                runs = [self.run(rows) for rows in fixed_runs(n, count, between, last)]
            except Unfit as e:
                raise e.error from e.error.__cause__
        self._model.findings.few_values = runs[0].values                # for whoever looks at T next
        places = [p for p in places_of(runs) if p.alike or not (together or self.is_random)]
        if any(self._differs(p) for p in places):
            noise = self._noise(runs[0])
            for place in places:
                if self._differs(place, noise):
                    self._refuse(place, together)
        return together and not fixed

    def run(self, rows: np.ndarray) -> Run:
        """T of these rows together, which must have one entry per row."""
        values = self.ask(rows)
        try:
            check_rows(self._model.target, values.shape, len(rows))
        except TensorError as e:
            raise Unfit(e) from None
        return Run(rows, values)

    def ask(self, rows: np.ndarray) -> np.ndarray:
        """T of these rows together; Unfit where the graph takes another number."""
        try:
            return self._model.target_values.values(self._take(rows), self._feeds, rows)[0]
        except RunError as e:
            if not isinstance(e.__cause__, tf.errors.InvalidArgumentError):
                raise
            raise Unfit(e) from None

    @property
    def is_random(self) -> bool:
        """Whether random numbers are drawn on the way, which may go by the place of a row."""
        return bool(self._model.random_ops)

    def _noise(self, run: Run) -> float:
        """By how much T changes from run to run, relative to its units: what is random, or rounded in another
        way."""
        a, b = run.values.astype(np.float64), self.run(run.rows).values.astype(np.float64)
        with np.errstate(invalid='ignore', divide='ignore'):
            return float(np.nan_to_num(np.abs(a - b) / np.maximum(np.abs(a).max(0),
                                                                  np.abs(b).max(0))).max(initial=0))

    def _differs(self, place: Place, noise: float = 0.) -> bool:
        runs = [v.values.astype(np.float64) for v in (place.run, place.other)]
        a, b = runs[0][place.at], runs[1][place.there]
        size = [np.abs(np.where(np.isfinite(v), v, 0)).max(0) for v in runs]
        scale = np.maximum(*size)
        if place.alike:
            allowed = max(ALIKE, 8 * self.eps) * scale
        else:
            allowed = self.eps ** .5 * scale + 8 * self.eps * scale.max(initial=0)
        return apart(a, b, allowed + 16 * noise * scale)

    def _refuse(self, place: Place, together: bool) -> None:
        """Raise TensorError, naming the op where the difference begins; unless it is rounding."""
        origin, rounding = Origin(self, place, together).found()
        if rounding:
            return
        model = self._model
        through = f', through op {model.path.name(origin)}' if origin is not None else ''
        time = ''
        if origin is not None and (origin.type in TIME or (origin.type in LOOPS
                                                           and any(i.op.type == 'TensorListFromTensor'
                                                                   for i in origin.inputs))):
            time = ('. If the first axis of X is time, feed the batch first: an X of shape (batch, time, '
                    '...), which the graph transposes itself '
                    '(time_major=False, or wrap the graph)')
        if origin is not None and origin.type in PYTHON_FUNCTIONS:
            time = ('. Its answer for a row must not depend on the other rows of the call, nor on earlier '
                    'calls')
        raise TensorError(f'T "{model.target.name}" of a row changes with the other rows of the '
                          f'batch{through}: attributions of a row have no '
                          f'meaning. Build the model for inference (training=False), take a T without a '
                          f'batch axis, or explain every row '
                          f'alone (batch_size=1){time}')


class Unfit(Exception):
    """The graph takes another number of rows; error says so."""

    def __init__(self, error: RunError | TensorError):
        super().__init__(str(error))
        self.error = error
