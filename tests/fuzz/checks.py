"""What must hold for every program. Wrong in silence, a raw error and a hang are failures; a clear error or a warning is none."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from tensorflow.python.eager.context import eager_mode

from deepexplain2 import DeepExplain, errors

from . import graphs, layers, oracles
from .programs import Program

v1 = tf.compat.v1
STEPS = 8
# Warnings that say that the answer is not the whole answer; TargetWarning and the like are about the choice of T.
TELLING = (errors.PathWarning, errors.NonlinearOpWarning, errors.MagnitudeWarning)


@dataclass
class Failure:
    """what: the check, the same for the same fault of a shorter program. message: numbers. call: the call that shows it."""
    what: str
    message: str
    call: str
    program: Program


@dataclass
class Case:
    """A program brought to the library: what to call, and f of single rows by other means."""
    program: Program
    de: DeepExplain
    T: tf.Tensor
    X: tf.Tensor
    xs: np.ndarray
    baseline: np.ndarray                # of one row
    ys: np.ndarray | None
    feeds: dict | None
    alone: list[oracles.Alone]          # one per row, with the weights of its row
    tolerance: float                    # relative to the sum of magnitudes of a row
    split: int | None = None            # X is a list of two inputs: columns of xs up to here, and from here on
    embedded: np.ndarray | None = None  # of token ids xs: what attributions are shaped like; the baseline is the zero vector

    @property
    def points(self) -> np.ndarray:
        """Where the oracles evaluate f, float64."""
        return (self.xs if self.embedded is None else self.embedded).astype(np.float64)

    def explain(self, method: str, order: np.ndarray | None = None, **options):
        """(attributions or tuple, the telling warnings)."""
        order = np.arange(len(self.xs)) if order is None else order
        if self.split and 'baseline' in options:
            options['baseline'] = self._parts(options['baseline'])
        if self.embedded is not None:
            options.pop('baseline', None)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter('always')
            found = self.de.explain(method, self.T, self.X, self._parts(self.xs[order]), None if self.ys is None else self.ys[order],
                                    feed_dict=self.feeds, **options)
        if self.split:
            found = (np.concatenate(found[0], 1), *found[1:]) if isinstance(found, tuple) else np.concatenate(found, 1)
        return found, [w for w in told if issubclass(w.category, TELLING)]

    def _parts(self, a: np.ndarray):
        return [a[..., :self.split], a[..., self.split:]] if self.split else a


class Stop(Exception):
    """The failure that was looked for has been found."""


def check(program: Program, only: str | None = None, counts: dict[str, int] | None = None) -> list[Failure]:
    """The failures of a program. only: stop at the first of this name. counts: where outcomes are added up."""
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


class Skip(Exception):
    """The program itself does not run, or its values are not finite."""


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
        for variant, more in VARIANTS(n).items():
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


def VARIANTS(n: int) -> dict[str, dict]:
    return {'first': {}, 'second': {}, 'batch_size 1': {'batch_size': 1}, 'batch_size 2': {'batch_size': 2}, 'reversed': {'order': np.arange(n)[::-1]},
            'third': {}, 'jit_compile': {'jit_compile': True}}


def complete(method: str, parameters: dict | None = None):
    """The sum over a row is f(x) - f(baseline)."""
    def run(case: Case, fail: Callable, counts: dict[str, int]) -> None:
        options = dict(parameters or {}, baseline=case.baseline)
        expected, told = None, False
        for variant, more in VARIANTS(len(case.xs)).items():
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
    for more in {}, {'batch_size': 1}, {'jit_compile': True}, {}:
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
        for more in VARIANTS(len(case.xs)).values():
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
ACTIVATIONS = {'relu': lambda z: np.maximum(z, 0), 'tanh': np.tanh, 'elu': lambda z: np.where(z > 0, z, np.expm1(z)),
               'softsign': lambda z: z / (1 + np.abs(z)), 'leaky_relu': lambda z: np.where(z > 0, z, float(np.float32(.2)) * z), 'atan': np.arctan,
               'selu': lambda z: 1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * np.expm1(z))}


def namespace(dtype: str, prelude: str) -> dict:
    import keras
    names = {'tf': tf, 'np': np, 'DTYPE': dtype, 'keras': keras, 'L': keras.layers}
    exec(prelude, names)
    return names


def model_of(program: Program, dtype: str) -> Callable:
    """The function of the program in a dtype: model(x, P)."""
    names = namespace(dtype, graphs.PRELUDE)
    names |= program.setting.get('names', {})
    last = program.lines[-1].partition(' = ')[0]
    exec(f'def model(x, P):\n    h0 = x\n{program.source()}    return {last}', names)
    if program.setting.get('ys') == 'one unit':
        return lambda x, P: names['model'](x, P)[:, 0]
    return names['model']


def _weights(program: Program, rows: int, units: int) -> tuple[np.ndarray | None, np.ndarray]:
    """(ys, one row of weights of T per row)."""
    rng, kind = program.rng(2), program.setting.get('ys')
    if kind == 'classes':
        ys = rng.integers(0, units, rows)
        return ys, np.eye(units)[ys]
    if kind == 'weights':
        ys = rng.normal(size=(rows, units))
        return ys, ys
    return None, np.ones((rows, units))


def alone_of(model: Callable, dtype: str, p: bool, w: np.ndarray, scalar: bool) -> oracles.Alone:
    weights = tf.constant(w if not scalar else 1., dtype)

    @tf.function(reduce_retracing=True)
    def both(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(model(x, tf.constant(p)) * weights)
        gradient = tape.gradient(y, x, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return y, gradient

    def ask(x, k):
        with eager_mode():                                      # whatever graph the library is in
            return both(tf.constant(x[None], dtype))[k].numpy().astype(np.float64)
    return oracles.Alone(lambda x: float(ask(x, 0)), lambda x: ask(x, 1)[0])


@contextlib.contextmanager
def graph_case(program: Program) -> Iterator[Case]:
    setting, rng = program.setting, program.rng(1)
    dtype, rows, p, way = setting['dtype'], setting['rows'], setting['P'], setting['way']
    scalar = setting['ys'] == 'one unit'
    model = model_of(program, dtype)
    xs, baseline = rng.normal(size=(rows, graphs.WIDTH)).astype(dtype), (rng.normal(size=graphs.WIDTH) * rng.choice([0, .5])).astype(dtype)
    ys, weights = _weights(program, rows, graphs.WIDTH)
    try:
        alone = [alone_of(model, dtype, p, w, scalar) for w in weights]
        values = np.array([f.value(x) for f, x in zip(alone, xs)])
    except Exception as e:
        raise Skip(str(e)) from None
    if not np.isfinite(values).all() or np.abs(values).max() > 1e6:
        raise Skip
    tolerance = 1e-8 if dtype == 'float64' else 2e-3
    if setting.get('mixes'):                                    # a run-time comparison in float has its limits
        tolerance = max(tolerance, 5e-3)

    def case(de, T, X, feeds):
        return Case(program, de, T, X, xs, baseline, ys, feeds, alone, tolerance)
    if way.startswith('session'):
        old = 'without' in way
        graph = tf.Graph()
        with graph.as_default(), v1.Session(graph=graph) as session:
            if old:
                v1.disable_control_flow_v2()
            try:
                x, P = v1.placeholder(dtype, (None, graphs.WIDTH), 'x'), v1.placeholder(tf.bool, (), 'P')
                T = model(x, P)
            except Exception as e:
                raise Skip(str(e)) from None
            finally:
                if old:
                    v1.enable_control_flow_v2()
            with DeepExplain(session) as de:
                yield case(de, T, x, {P: p} if ', P' in str(program.lines) or '(P' in str(program.lines) else None)
        return
    spec = [tf.TensorSpec((None, graphs.WIDTH), dtype)]
    if way == 'from_function':
        de = DeepExplain.from_function(lambda x: model(x, tf.constant(p)), spec)
    else:
        from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
        concrete = tf.function(lambda x: model(x, tf.constant(p))).get_concrete_function(*spec)
        de = DeepExplain.from_graph_def(convert_variables_to_constants_v2(concrete).graph.as_graph_def())
    with de:
        if not de.outputs:
            raise Skip
        T = [t for t in de.outputs if t.shape.rank == (1 if scalar else 2)]
        if len(T) != 1 or len(de.inputs) != 1:
            raise Skip
        yield case(de, T[0], de.inputs[0], None)


@contextlib.contextmanager
def model_case(program: Program) -> Iterator[Case]:
    """A Keras model with weights that are drawn, f by the model itself in eager mode."""
    import keras
    setting, rng = program.setting, program.rng(1)
    dtype, rows = setting['dtype'], setting['rows']
    before, seeds = keras.config.floatx(), program.rng(3)
    keras.config.set_floatx(dtype)
    try:
        try:
            model = layers.build(program, seeds)
        except Exception as e:
            raise Skip(str(e)) from None
        several = len(model.inputs) > 1                         # of vectors
        shape = (sum(t.shape[1] for t in model.inputs),) if several else tuple(model.inputs[0].shape[1:])
        split = model.inputs[0].shape[1] if several else None
        xs, baseline = rng.normal(size=(rows, *shape)).astype(dtype), np.zeros(shape, dtype)
        if setting['masked'] and len(shape) == 2:
            for k in range(rows):                               # padded with zeros at the end
                xs[k, int(rng.integers(1, shape[0] + 1)):] = 0
        units = model.outputs[0].shape[-1]
        if len(model.outputs[0].shape) != 2 or units is None:
            raise Skip
        ys, weights = _weights(program, rows, units)
        points, rest = xs, model
        if program.lines[1:] and 'Embedding' in program.lines[1]:
            table = model.layers[1]
            xs = rng.integers(0, table.input_dim, (rows, *shape))
            points, baseline = np.array(table(xs)), np.zeros((*shape, table.output_dim), dtype)
            rest = keras.Model(table.output, model.outputs[0])
        try:
            alone = [alone_of(lambda x, P: rest([x[:, :split], x[:, split:]] if several else x, training=False), dtype, True, w, False)
                     for w in weights]
            values = np.array([f.value(x) for f, x in zip(alone, points)])
            if not np.isfinite(values).all() or np.abs(values).max() > 1e6:
                raise Skip
        except Skip:
            raise
        except Exception as e:
            raise Skip(str(e)) from None
        with DeepExplain.from_keras(model) as de:
            yield Case(program, de, de.outputs[0], list(de.inputs) if several else de.inputs[0], xs, baseline, ys, None, alone,
                       1e-7 if dtype == 'float64' else 5e-3, split, None if rest is model else points)
    finally:
        keras.config.set_floatx(before)
        keras.backend.clear_session()


@contextlib.contextmanager
def dense_case(program: Program) -> Iterator[Case]:
    with graph_case(program) as case:
        case.program.setting['weights'] = _weights(program, len(case.xs), graphs.WIDTH)[1]
        yield case


def random_dense(seed: int) -> Program:
    """A dense net with random widths, and its matrices."""
    rng = np.random.default_rng([seed, 7])
    sizes = [graphs.WIDTH, *rng.integers(2, 9, int(rng.integers(1, 4))), graphs.WIDTH]
    matrices = [rng.normal(size=s) / np.sqrt(s[0]) for s in zip(sizes, sizes[1:])]
    biases = [rng.normal(size=s) / 2 for s in sizes[1:]]
    name = str(rng.choice(sorted(ACTIVATIONS)))
    function = {'softsign': 'tf.nn.softsign', 'atan': 'tf.atan', 'tanh': 'tf.tanh'}.get(name, f'tf.nn.{name}')
    lines, last = [], 'h0'
    for k, (m, v) in enumerate(zip(matrices, biases)):
        lines.append(f'h{2 * k + 1} = {last} @ tf.constant({m.tolist()}, DTYPE) + tf.constant({v.tolist()}, DTYPE)')
        last = f'h{2 * k + 1}'
        if k < len(matrices) - 1:
            lines.append(f'h{2 * k + 2} = {function}({last})')
            last = f'h{2 * k + 2}'
    setting = {'way': 'session', 'dtype': 'float64', 'rows': 4, 'ys': str(rng.choice(['none', 'classes', 'weights'])), 'P': True,
               'matrices': matrices, 'biases': biases, 'activation': name}
    return Program('dense', seed, tuple(lines), setting)


OPENERS = {'graph': graph_case, 'dense': dense_case, 'model': model_case}
