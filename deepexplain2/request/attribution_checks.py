"""A look at attributions after they are computed: zeros that say nothing, huge numbers that cancel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..attribution.base import Method
from ..attribution.registry import names_with
from ..engine.model import Model
from ..engine.sweep import Sweep
from ..errors import MagnitudeWarning, PathWarning, TargetWarning, ValueRangeError, warn
from .ends import Ends

HUGE = 1e6          # times T: attributions that only cancel one another


def in_dtypes(found: Sequence[np.ndarray], dtypes: Sequence[Any], method: Method) -> list[np.ndarray]:
    """The attributions in these dtypes; ValueRangeError where they leave the range. Perturbation methods may
    give NaN, for features that nothing covers."""
    with np.errstate(over='ignore'):
        results = [r.astype(d, copy=False) for r, d in zip(found, dtypes)]
    if any(np.isinf(r).any() if method.is_perturbation else not np.isfinite(r).all() for r in results):
        raise ValueRangeError(f'attributions of "{method.name}" leave the range of '
                              f'{np.dtype(dtypes[0]).name}. Build the model in a '
                              'wider dtype, or scale its input')
    return results


def check_attributions(method: Method, model: Model, sweep: Sweep, ends: Ends,
                       found: Sequence[np.ndarray], meaning_of_zero: str = '') -> None:
    """Warn of attributions that are all exactly 0, and of those that are huge beside T. meaning_of_zero: that
    of a row where T is 0 too."""
    if meaning_of_zero and not sweep.is_joint:
        zero = np.logical_and.reduce([~r.reshape(len(r), -1).any(1) for r in found])
        count = np.count_nonzero(zero & (ends.at_x(sweep.unreported) == 0)) if zero.any() else 0
        if count:
            warn(f'{method.name}: T and all attributions of {count} of {len(zero)} rows are 0: '
                 f'{meaning_of_zero}', TargetWarning)
    if not any(r.any() for r in found):
        if method.doubts_zeros:
            _check_zeros(method, model, sweep, ends)
    elif method.sums_to == 'difference' \
            and max(float(max(r.max(), -r.min())) for r in found if r.size) > model.findings.usual_size:
        _check_size(method, model, sweep, ends, found)


def _check_zeros(method: Method, model: Model, sweep: Sweep, ends: Ends) -> None:
    """Warn of a run whose attributions are all exactly 0 where T at x and at the baseline (the first of
    several) differ."""
    values = ends.values(sweep.unreported)
    if values is None:
        return
    at_x, at_baseline = values
    gap = np.abs(at_x - at_baseline)
    if (gap > 1e-5 * np.maximum(np.abs(at_x), np.abs(at_baseline))).any():
        remedy = method.remedy_for_zeros
        warn(f'all attributions of "{method.name}" are exactly 0, but T '
             f'"{model.target.name}" at x and at the baseline '
             f'differ by up to {gap.max():.3g}: the map says nothing about X. Units may be '
             f'saturated, or their gradient is lost on '
             f'the way (see audit). Choose another T, X or baseline{remedy and ", " + remedy}, or another '
             f'method', PathWarning)


def _check_size(method: Method, model: Model, sweep: Sweep, ends: Ends, found: Sequence[np.ndarray]) -> None:
    """Warn of attributions that are HUGE beside T at x and at the baseline, which they should make the
    difference of: they only cancel one another, as where a mask of -1e38 is added to the logits of an
    attention. Looked at where they are larger than ever before, and where every row has a value of T."""
    values = None if sweep.is_joint else ends.values(sweep.unreported)
    if values is None:
        return
    sizes = sweep.sums([np.abs(r) for r in found])
    ratio = sizes / np.maximum(np.maximum(*map(np.abs, values)), np.finfo(float).tiny)
    if ratio.max() <= HUGE:
        model.findings.usual_size = 10 * float(sizes.max())
        return
    warn(f'{method.name}: the attributions of {np.count_nonzero(ratio > HUGE)} of '
         f'{len(ratio)} rows sum in magnitude to more than '
         f'{HUGE:.0e} times T at x and at the baseline, of row {ratio.argmax()} to '
         f'{sizes[ratio.argmax()]:.1g}: they cancel one another, '
         'and say nothing. Is there a mask that changes between x and the baseline? Take another '
         f'baseline, an X behind the mask, or a method that sees only values: '
         f'{names_with("is_perturbation")}', MagnitudeWarning)
