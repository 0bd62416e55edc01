"""A program brought to the library, and f of single rows by other means."""

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
    left_out: tuple[str, ...] = ()      # variants that are not asked for
    embedded: np.ndarray | None = None  # of token ids xs: what attributions are shaped like; the baseline is the zero vector

    @property
    def points(self) -> np.ndarray:
        """Where the oracles evaluate f, float64."""
        return (self.xs if self.embedded is None else self.embedded).astype(np.float64)

    @property
    def variants(self) -> dict[str, dict]:
        """Ways to ask for the same, by name."""
        every = {'first': {}, 'second': {}, 'batch_size 1': {'batch_size': 1}, 'batch_size 2': {'batch_size': 2},
                 'reversed': {'order': np.arange(len(self.xs))[::-1]}, 'third': {}, 'jit_compile': {'jit_compile': True}}
        return {name: options for name, options in every.items() if name not in self.left_out}

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


class Skip(Exception):
    """The program itself does not run, or its values are not finite."""


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


OPENERS = {'graph': graph_case, 'dense': dense_case, 'model': model_case}
