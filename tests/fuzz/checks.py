"""What must hold for every program. Wrong in silence, a raw error and a hang are failures; a clear error or a warning is none."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable

import numpy as np

from deepexplain2 import errors

from . import oracles
from .cases import OPENERS, Case, Failure, Skip
from .dense import ACTIVATIONS
from .programs import Program

STEPS = 8


class Stop(Exception):
    """The failure that was looked for has been found."""


def check(program: Program, only: str | None = None, counts: dict[str, int] | None = None, left_out: tuple[str, ...] = ()) -> list[Failure]:
    """The failures of a program. only: stop at the first of this name. counts: where outcomes are added up. left_out: variants."""
    found: list[Failure] = []
    counts = {} if counts is None else counts

    def fail(what: str, message: str, call: str = '') -> None:
        if only in (None, what):
            found.append(Failure(what, message, call, program))
            if only:
                raise Stop
    with contextlib.suppress(Stop), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        try:
            opened = OPENERS[program.kind](program)
            case = opened.__enter__()
            case.left_out = left_out
        except errors.DeepExplainError as e:
            counts['model refused'] = counts.get('model refused', 0) + 1
            counts[f'model refused: {str(e)[:70]}'] = counts.get(f'model refused: {str(e)[:70]}', 0) + 1
            return found
        except Skip:
            counts['not a program'] = counts.get('not a program', 0) + 1
            return found
        except Exception as e:
            fail('raw error on the way in', f'{type(e).__name__}: {str(e)[:300]}')
            return found
        try:
            for run in METHODS[program.kind]:
                run(case, fail, counts)
        finally:
            opened.__exit__(None, None, None)
    return found


def _ask(case: Case, fail: Callable, counts: dict[str, int], method: str, call: str, **options):
    """(answer, warnings) of a call, or None where it is refused; a raw error is a failure."""
    try:
        answer = case.explain(method, **options)
        counts[f'{method} ok'] = counts.get(f'{method} ok', 0) + 1
        return answer
    except errors.DeepExplainError as e:
        key = f'{method}{" under jit_compile" if options.get("jit_compile") else ""} refused: {type(e).__name__}'
        counts[key] = counts.get(key, 0) + 1
    except Exception as e:
        fail(f'{method}: raw error', f'{type(e).__name__}: {str(e)[:300]}', call)
    return None


def _call(method: str, options: dict) -> str:
    return f"de.explain({method!r}, T, X, xs, ys, feed_dict=feeds" + ''.join(
        f', {k}={"baseline" if k == "baseline" else "np.array(" + repr(v.tolist()) + ")" if isinstance(v, np.ndarray) else repr(v)}'
        for k, v in options.items() if k != 'order') + ')'


def _off(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """How far rows differ, relative to the sum of magnitudes of the row."""
    a, b = (np.asarray(v, np.float64).reshape(len(v), -1) for v in (a, b))
    return np.abs(a - b).max(1) / np.maximum(np.abs(b).sum(1), 1e-2)


def against(method: str, oracle: Callable, parameters: dict | None = None, sized: bool = True, jit: bool = True, loose: float = 1.):
    """A check of a method against the definition: as it is, again, in other batches and orders, under jit_compile."""
    def run(case: Case, fail: Callable, counts: dict[str, int]) -> None:
        options = dict(parameters or {}, **({'baseline': case.baseline} if sized else {}))
        tolerance = case.tolerance * loose
        n = len(case.xs)
        expected = None
        for variant, more in case.variants.items():
            if variant == 'jit_compile' and not jit:
                continue
            call = _call(method, options | more)
            answer = _ask(case, fail, counts, method, call, **options, **more)
            if answer is None:
                if variant == 'first':
                    return
                if variant not in ('jit_compile', 'reversed', 'batch_size 1', 'batch_size 2'):
                    fail(f'{method}: {variant} refused', 'the first run was not', call)
                continue
            found, told = answer
            if any('tf.custom_gradient' in str(w.message) or 'custom gradient' in str(w.message) for w in told):
                counts[f'{method} told of custom gradients'] = counts.get(f'{method} told of custom gradients', 0) + 1
                return
            if told and method in ('occlusion', 'shapley_sampling'):
                return
            if expected is None:
                expected = np.stack([oracle(f, x, case.baseline.astype(np.float64)) for f, x in zip(case.alone, case.points)])
                if not np.isfinite(expected).all():
                    return
            order = more.get('order', np.arange(n))
            if found.shape != expected.shape:
                fail(f'{method}: shape', f'{found.shape} where {expected.shape} is right', call)
                return
            off = _off(found, expected[order])
            if not off.max() <= tolerance * (10 if variant == 'jit_compile' else 1):       # XLA resizes float64 with weights in float32
                row = int(np.argmax(off))
                fail(f'{method}: wrong', f'{variant}: off by {off.max():.2g} of the row (tolerance {tolerance:.1g}), row {row}: '
                     f'{found[row].ravel()[:12]}, right is {expected[order][row].ravel()[:12]}', call)
    return run


def complete(method: str, parameters: dict | None = None):
    """The sum over a row is f(x) - f(baseline)."""
    def run(case: Case, fail: Callable, counts: dict[str, int]) -> None:
        options = dict(parameters or {}, baseline=case.baseline)
        expected, told = None, False
        for variant, more in case.variants.items():
            call = _call(method, options | more)
            answer = _ask(case, fail, counts, method, call, **options, **more)
            if answer is None and variant == 'first':
                return
            told |= answer is not None and bool(answer[1])              # a warning comes once
            if answer is None or told:
                continue
            found = answer[0].reshape(len(case.xs), -1).astype(np.float64)
            if expected is None:
                expected = np.array([f.value(x) - f.value(case.baseline) for f, x in zip(case.alone, case.points)])
                if not np.isfinite(expected).all():
                    return
            off = np.abs(found.sum(1) - expected[more.get('order', slice(None))]) / np.maximum(np.abs(found).sum(1), 1)
            if not off.max() <= case.tolerance * 10:
                fail(f'{method}: not complete', f'{variant}: sums {found.sum(1)}, right are {expected[more.get("order", slice(None))]}', call)
    return run


def sampled(case: Case, fail: Callable, counts: dict[str, int]) -> None:
    """shapley_sampling is the mean over its permutations; on linear models, where one is enough, the enumerated values."""
    if case.points.shape[1] > 6:
        return
    linear = all(line.split(' = ')[1].startswith(('h0 @', 'h0 *', 'h0 +')) for line in case.program.lines) and case.program.kind == 'graph'
    options = {'baseline': case.baseline, 'samples': 4, 'sampling_dims': [1] if case.points.ndim > 2 else None, 'antithetic': False}
    call = _call('shapley_sampling', options)
    answer = _ask(case, fail, counts, 'shapley_sampling', call, **options)
    if answer is None or answer[1]:
        return
    start = case.baseline.astype(np.float64)
    expected = np.stack([oracles.shapley(f, x, start) if linear else oracles.sampled_shapley(f, x, start, 4) for f, x in zip(case.alone, case.points)])
    if np.isfinite(expected).all():
        off = _off(answer[0], expected)
        if not off.max() <= case.tolerance * 10:
            fail('shapley_sampling: wrong', f'{answer[0]}, right is {expected}', call)


def relevance(case: Case, fail: Callable, counts: dict[str, int]) -> None:
    """elrp: sum and gap are f(x), twice the same, and no sum of magnitudes of another order than f without a warning."""
    for more in [case.variants[v] for v in ('first', 'batch_size 1', 'jit_compile', 'second') if v in case.variants]:
        call = _call('elrp', {'return_delta': True, **more})
        answer = _ask(case, fail, counts, 'elrp', call, return_delta=True, **more)
        if answer is None:
            return
        (found, gap), told = answer
        value = np.array([f.value(x) for f, x in zip(case.alone, case.points)])
        found = found.reshape(len(found), -1).astype(np.float64)
        size = np.abs(found).sum(1)
        off = np.abs(found.sum(1) + gap - value) / np.maximum(size, 1)
        if not off.max() <= case.tolerance * 10:
            fail('elrp: sum and gap', f'{found.sum(1)} + {gap}, f is {value}', call)
        counts['elrp larger than 1000 f'] = counts.get('elrp larger than 1000 f', 0) + int((size > 1000 * np.abs(value)).any())


def closed(case: Case, fail: Callable, counts: dict[str, int]) -> None:
    """Dense nets: elrp and deeplift in closed form."""
    setting, rng = case.program.setting, case.program.rng(5)
    matrices, biases = setting['matrices'], setting['biases']
    f = ACTIVATIONS[setting['activation']]
    eps = float(rng.choice([1e-4, .3]))

    def values(x):
        found = [x @ matrices[0] + biases[0]]
        for m, v in zip(matrices[1:], biases[1:]):
            found.append(f(found[-1]) @ m + v)
        return found

    def pulled(x, slopes, w):
        z = values(x)
        r = matrices[-1] @ w
        for k in reversed(range(len(matrices) - 1)):
            r = matrices[k] @ (r * slopes(k, z[k]))
        return r

    for method, options, slopes_of in [
            ('elrp', {'epsilon': eps}, lambda x: lambda k, z: f(z) / (z + eps * np.where(z >= 0, 1, -1))),
            ('deeplift', {'baseline': case.baseline}, lambda x: lambda k, z: (f(z) - f(values(case.baseline)[k])) / (z - values(case.baseline)[k]))]:
        start = 0 if method == 'elrp' else case.baseline
        expected = np.stack([pulled(x, slopes_of(x), w) * (x - start) for x, w in zip(case.xs, setting['weights'])])
        if not np.isfinite(expected).all():                     # a unit that is the same at x and at the baseline
            continue
        for more in case.variants.values():
            call = _call(method, options | more)
            answer = _ask(case, fail, counts, method, call, **options, **more)
            if answer is not None:
                off = _off(answer[0], expected[more.get('order', slice(None))])
                if not off.max() <= 1e-8:
                    fail(f'{method}: closed form', f'off by {off.max():.2g}: {answer[0][0]}, right is {expected[0]}', call)


def _midpoints(f, x, b):
    return oracles.midpoint_sum(f, x, b, STEPS)


_INTGRAD = {'steps': STEPS, 'quadrature': 'riemann_middle', 'average': False}
_ALL = [against('saliency', oracles.saliency, sized=False), against('grad*input', oracles.gradient_input, sized=False),
        against('intgrad', _midpoints, _INTGRAD), against('occlusion', oracles.occlusion),
        complete('deeplift', {'average': False}), sampled, relevance]
METHODS = {'graph': _ALL, 'model': _ALL, 'dense': [closed, *_ALL]}


