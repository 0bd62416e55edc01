"""The second run and all that follow: what is kept of the first is right, shared by threads, whole after an
interrupt, and let go."""

import _thread
import faulthandler
import gc
import inspect
import itertools
import signal
import sys
import threading
import time
import tracemalloc
import warnings
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, errors, methods
from deepexplain2.attribution.propagation.deeplift import DeepLift
from deepexplain2.attribution.propagation.elrp import EpsilonLRP
from deepexplain2.engine import batch_size, queries, sweep
from deepexplain2.engine.fetch import Fetch
from deepexplain2.engine.reference_cache import ReferenceCache
from deepexplain2.graph import clone
from tests.support.networks import mlp, opened, samples, v1

NET = mlp('tanh', 'relu', seed=3)
XS, YS = samples(NET, 11)
ROWS = np.random.default_rng(0).normal(size=(3, 4))
W = np.random.default_rng(1).normal(size=(4, 2))
ACTIVATIONS = [n for n, f in inspect.getmembers(keras.activations, inspect.isfunction)
               # two take more than a tensor
               if n not in ('get', 'serialize', 'deserialize', 'glu', 'threshold', 'linear')]


def kept(explainer):
    """Whether the values of the reference were fetched, and are fed from then on."""
    reference = explainer.compile()._reference
    return reference is not None and reference._last[1] is not None


# What is kept of a reference

def test_there_are_activations():
    assert {'mish', 'gelu', 'silu', 'softmax', 'selu', 'hard_sigmoid', 'sparsemax'} <= set(ACTIVATIONS)


@pytest.mark.parametrize('name', ACTIVATIONS)
def test_activations(name, session):
    """TensorFlow's optimizers fuse some: 32 bits and a bias, as they want it. The oracle: a baseline for each
    row is not kept."""
    f = getattr(keras.activations, name)
    x = v1.placeholder(tf.float32, (None, 4))
    w, v = (tf.constant(np.random.default_rng(k).normal(size=s), tf.float32) for k,
            s in enumerate([(4, 6), (6, 3)]))
    T = f(tf.nn.bias_add(f(tf.nn.bias_add(x @ w, tf.ones(6) / 4)) @ v, tf.ones(3) / 5))
    with DeepExplain(session) as de:
        explainer = de.get_explainer('deeplift', T, x, baseline=.25)
        runs = [explainer.run(ROWS) for _ in range(3)]
        assert kept(explainer)
        alone = de.explain('deeplift', T, x, ROWS, baseline=np.full((3, 4), .25))
    for a in runs:
        np.testing.assert_allclose(a, alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('kind', ['convolutions', 'attention'])
def test_layers(kind):
    layers = keras.layers
    if kind == 'convolutions':
        net = keras.Sequential([keras.Input((6, 6, 2)), layers.Conv2D(4, 3, activation='mish'),
                                layers.BatchNormalization(),
                                layers.Activation('mish'),
                                layers.DepthwiseConv2D(2, activation='silu'), layers.GroupNormalization(2),
                                layers.MaxPooling2D(), layers.PReLU(),
                                layers.Flatten(), layers.Dense(3, 'gelu')])
    else:
        x = keras.Input((5, 4))
        h = layers.LayerNormalization()(layers.MultiHeadAttention(2, 3)(x, x) + x)
        h = layers.Multiply()([layers.Dense(4, 'mish')(h), layers.Dense(4, 'sigmoid')(h)])
        net = keras.Model(x, layers.Dense(3)(layers.GRU(3, unroll=True)(h)))
    xs = np.random.default_rng(0).normal(size=(3, *net.input_shape[1:]))
    with DeepExplain.from_keras(net) as de:
        explainer = de.get_explainer('deeplift', de.outputs[0], de.inputs[0])
        runs = [explainer.run(xs) for _ in range(3)]
        assert kept(explainer)
        alone = de.explain('deeplift', de.outputs[0], de.inputs[0], xs, baseline=np.zeros_like(xs))
    for a in runs:
        np.testing.assert_allclose(a, alone, rtol=1e-4, atol=1e-5)


def waiting(kind, x):
    """A weight that waits for X by a control edge, as TensorFlow's inlining of functions makes them."""
    if kind == 'placeholder':
        before = x
    elif kind == 'assertion':               # false at the baseline 0
        before = v1.assert_greater(tf.reduce_sum(tf.abs(x)), tf.constant(1e-3, tf.float64))
    else:
        before = tf.identity(x)
    if kind == 'group':
        with tf.control_dependencies([before]):
            before = tf.no_op()
    with tf.control_dependencies([before]):
        return (tf.constant(np.tile(W, (1, 60)))[:, :2] if kind == 'constant'
                else tf.identity(tf.constant(W)) * 1.)


@pytest.mark.parametrize('kind', ['identity', 'placeholder', 'assertion', 'group', 'constant'])
def test_weights_that_wait_for_x(kind, session):
    x, y = (v1.placeholder(tf.float64, (None, 4)) for _ in range(2))
    T, U = (tf.reduce_sum(tf.tanh(z @ w), 1) for z, w in ((x, waiting(kind, x)), (y, W)))
    with DeepExplain(session) as de:
        for name in methods():
            expected = de.explain(name, U, y, ROWS)
            for _ in range(3):
                np.testing.assert_allclose(de.explain(name, T, x, ROWS), expected, rtol=1e-9, atol=1e-12)
        # which counts as a state
        assert kept(de.get_explainer('deeplift', T, x)) == (kind != 'assertion')


def test_a_reference_that_cannot_be_kept_is_not(monkeypatch):
    """Whatever fails on the way that saves something, the way without is taken from then on."""
    with opened(NET) as (de, X, T, _):
        expected = de.explain('deeplift', T, X, XS, YS, baseline=np.zeros_like(XS))
        values = Fetch.values
        for where in ReferenceCache, Fetch:
            explainer = de.get_explainer('deeplift', T + 0., X)
            explainer.run(XS, YS)

            def fail(self, *arguments):
                if isinstance(self, Fetch) and '/cached_' not in self.fetches[0].name:
                    return values(self, *arguments)
                raise errors.RunError('no')
            with monkeypatch.context() as patch:
                patch.setattr(where, 'values', fail)
                np.testing.assert_allclose(explainer.run(XS, YS), expected, rtol=1e-12)
            assert not kept(explainer)
            np.testing.assert_allclose(explainer.run(XS, YS), expected, rtol=1e-12)


# What a session raises

def test_errors_of_tensorflow_are_run_errors(monkeypatch):
    """Whatever asks the session: a callable that cannot be made or fails, a session of another kind, a lookup
    of ids."""
    with opened(NET) as (de, X, T, session):
        explainer = de.get_explainer('deeplift', T, X)
        with monkeypatch.context() as patch:
            def fail(*_):
                raise tf.errors.InvalidArgumentError(None, None, 'not found in the graph')
            patch.setattr(session, '_make_callable_from_options', fail)
            with pytest.raises(errors.RunError, match=r'could not compute T .* for 11 rows: not found in the '
                                                      r'graph'):
                explainer.run(XS)
        for error in (RuntimeError('a closed Session'), ValueError('cannot feed'), TypeError('no'),
                      tf.errors.CancelledError(None, None, '')):
            with monkeypatch.context() as patch:
                def broken(*_, error=error):
                    raise error
                patch.setattr(session, '_make_callable_from_options', lambda *_, broken=broken: broken)
                fresh = de.get_explainer('saliency', T + 0., X)
                with pytest.raises(errors.RunError) as found:
                    fresh.run(XS)
                assert found.value.__cause__ is error
        ids = v1.placeholder(tf.int32, (None, 2))
        embedded = tf.nn.embedding_lookup(tf.ensure_shape(tf.numpy_function(lambda: 1 / 0, [], tf.float64),
                                                          (9, 5)), ids)
        with pytest.raises(errors.RunError, match='could not compute the embedding of "Placeholder'):
            de.explain('saliency', NET.tensorflow(tf.reduce_sum(embedded, 1)), ids, [[0, 1]])


def test_errors_while_ops_are_copied(monkeypatch):
    with opened(NET) as (de, X, T, session):
        before = len(session.graph.get_operations())
        with monkeypatch.context() as patch:
            def fail(*_):
                raise ValueError("Node 'a' is not unique")
            patch.setattr(clone, 'import_nodes', fail)
            for name in 'saliency', 'deeplift':
                with pytest.raises(errors.PathError, match=rf"{name} cannot follow the ops between X .* Node "
                                                           rf"'a' is not unique"):
                    de.explain(name, T, X, XS)
        assert len(session.graph.get_operations()) == before
        de.explain('deeplift', T, X, XS)


def test_the_users_own_errors_pass():
    class Mine(Exception):
        pass

    def fail(*_):
        raise Mine
    with opened(NET) as (de, X, T, _):
        with pytest.raises(errors.ParameterError,
                           match=r'the function given as baseline .* raised Mine') as caught:
            de.explain('deeplift', T, X, XS, baseline=fail)
        assert isinstance(caught.value.__cause__, Mine)
        with pytest.raises(Mine):
            de.explain('occlusion', T, X, XS, batch_size=2, progress=fail)
        with pytest.raises(Mine):
            list(de.get_explainer('saliency', T, X).stream(fail() for _ in range(2)))
        assert threading.active_count() == 1
        de.explain('occlusion', T, X, XS, batch_size=2)


# Names

def scopes(x):
    """Names that a copy could take: those of its own scopes, and one below that of a function call or a
    choice."""
    # TensorFlow's own inlining aborts at such names
    f = tf.function(lambda z: tf.tanh(z) * 2, experimental_attributes={'_noinline': True})
    f = f.get_concrete_function(tf.TensorSpec((None, 4), tf.float64))
    y = f(x)
    call = y.op
    while not call.type.endswith('PartitionedCall'):
        call = call.inputs[0].op
    y = tf.sigmoid(y, name=f'{call.name}/mul/')
    w = tf.identity(tf.constant(W[:, 0]), 'deepexplain2.actual/chosen')
    y = tf.where(y > w, y * w, y, name='chosen')
    y = tf.sigmoid(y, name='chosen/chosen/')
    return tf.reduce_sum(tf.tanh(tf.identity(tf.constant(W[:, 1]), 'Tanh/twin') * y + w), 1)


def variables(x):
    """Loop variables called a and a_reference, an op of the body in a scope of that name."""
    def body(i, a, b):
        with tf.name_scope('reference'):
            return i + 1, tf.tanh(a * b), tf.sigmoid(b)
    _, a, b = tf.while_loop(lambda i, a, b: i < 3, body, (0, tf.identity(x, 'a'),
                                                          tf.identity(2 * x, 'a_reference')))
    return tf.reduce_sum(a + b, 1)


def unrolled(x):
    a, b = x, 2 * x
    for _ in range(3):
        a, b = tf.tanh(a * b), tf.sigmoid(b)
    return tf.reduce_sum(a + b, 1)


def plain(x):
    y = tf.sigmoid(tf.tanh(x) * 2)
    y = tf.sigmoid(tf.where(y > W[:, 0], y * W[:, 0], y))
    return tf.reduce_sum(tf.tanh(W[:, 1] * y + W[:, 0]), 1)


@pytest.mark.parametrize('named, other', [(scopes, plain), (variables, unrolled)])
def test_any_name_of_the_user(named, other, session):
    x, y = (v1.placeholder(tf.float64, (None, 4)) for _ in range(2))
    T, U = named(x), other(y)
    with DeepExplain(session) as de:
        for name in methods():
            # what enters a loop as a signal and goes on as a sigmoid is no gate inside of it
            options = {'products': 'uniform'} if name == 'elrp' else {}
            np.testing.assert_allclose(de.explain(name, T, x, ROWS, **options),
                                       de.explain(name, U, y, ROWS, **options), rtol=1e-9, atol=1e-12)


# Interrupts and threads

def test_interrupts_leave_nothing_behind():
    """60 at random times: no thread waits, the answers are the same, `out` holds what was done."""
    def ring(*_):
        if armed:
            raise KeyboardInterrupt
    armed, before = [], signal.signal(signal.SIGALRM, ring)
    faulthandler.dump_traceback_later(120, exit=True)
    rng, count = np.random.default_rng(0), 0
    try:
        with opened(NET, tf.float32) as (de, X, T, _):
            x, ys = samples(NET, 300)
            explainers = [de.get_explainer(m, T, X, **o) for m, o in
                          (('occlusion', {}), ('intgrad', {'steps': 20, 'hoist': False}), ('deeplift', {}))]
            expected = [e.run(x, ys, 4) for e in explainers]
            threads = _thread._count()
            for k in range(60):
                out = np.full_like(expected[k % 3], 7)
                try:
                    armed.append(1)
                    signal.setitimer(signal.ITIMER_REAL, rng.uniform(.0005, .03))
                    explainers[k % 3].run(x, ys, 4, out=out)
                    armed.clear()
                except KeyboardInterrupt:
                    armed.clear()
                    count += 1
                done = (out != 7).any(1)
                np.testing.assert_array_equal(out[done], expected[k % 3][done])
                assert not done.all() or (out == expected[k % 3]).all()
            for e, a in zip(explainers, expected):
                np.testing.assert_array_equal(e.run(x, ys, 4), a)
            assert ended(threads) and count > 20
    finally:
        armed.clear()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        faulthandler.cancel_dump_traceback_later()


def ended(threads):
    """Whether there are no more threads than these, now or soon."""
    return any(_thread._count() <= threads or time.sleep(.01) for _ in range(300))


def test_errors_on_either_side_end_the_sweep():
    """In what makes the arrays, in what asks, and in whoever takes the answers."""
    threads = _thread._count()

    def sweep_of(wrong=None, refused=None):
        def make(rows, ks):
            if rows[0] == wrong:
                raise ZeroDivisionError
            return [rows]

        def ask(arrays, rows):
            if rows[0] == refused:
                raise LookupError
            return {'value': arrays[0]}
        return sweep.Sweep(ask, 10, 2, False)(make)
    for wrong, refused, error, seen in [(4, None, ZeroDivisionError, [0, 2]), (None, 4, LookupError, [0, 2]),
                                        (0, None, ZeroDivisionError, []),
                                        (None, None, None, [0, 2, 4, 6, 8])]:
        found, parts = [], sweep_of(wrong, refused)
        try:
            for rows, _, _ in parts:
                found.append(rows[0])
        except (ZeroDivisionError, LookupError) as e:
            assert type(e) is error
        assert found == seen and next(parts, None) is None
    parts = sweep_of()
    next(parts)
    parts.close()
    assert ended(threads)


def in_threads(work, count=8):
    """What eight threads raise that switch as often as Python lets them."""
    wrong, interval = [], sys.getswitchinterval()

    def each(k):
        try:
            work(k)
        except BaseException as e:
            wrong.append(e)
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=each, args=(k,)) for k in range(count)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    finally:
        sys.setswitchinterval(interval)
    for e in wrong:
        raise e


def test_the_choice_of_rows_in_threads():
    """All choose, time and tell at once; bare, as a race is rare."""
    for _ in range(20):
        tuner = batch_size.BatchSizeTuner(4, 1 << 20)

        def work(k, tuner=tuner):
            for _ in range(40):
                for size in itertools.islice(tuner.sizes(64), 8):
                    tuner.record(size, size, 1 / size)
        in_threads(work)
        assert tuner._settled and tuner.rows == 64
    x, ys = samples(NET, 100)
    with opened(NET) as (de, X, T, _):
        explainer = de.get_explainer('occlusion', T, X)
        expected = explainer.run(x, ys, 16)
        for query in list(explainer._model.findings.tuners):
            explainer._model.findings.tuners[query] = batch_size.BatchSizeTuner(4, 1 << 20)
        in_threads(lambda k: [np.testing.assert_allclose(explainer.run(x, ys), expected, atol=1e-12)
                              for _ in range(10)])


def test_first_runs_in_threads():
    """Methods are compiled once, whoever comes first; every thread gets the answers to its own baseline."""
    baselines = 0., .5, -1.
    with opened(NET) as (de, X, T, _):
        U, names = tf.identity(T), ('deeplift', 'intgrad', 'occlusion')
        expected = {(m, b): de.explain(m, T, X, XS, YS, baseline=b) for m in names for b in baselines}
        before = len(X.graph.get_operations())

        def work(k):
            for n in range(6):
                b = baselines[(k + n) % 3]
                for m in names:
                    np.testing.assert_allclose(de.explain(m, U, X, XS, YS, baseline=np.full(5, b)),
                                               expected[m, b], rtol=1e-9, atol=1e-12)
        in_threads(work, 4)
        added = len(X.graph.get_operations()) - before
        V = tf.identity(T)                              # as U, in one thread
        for m in names:
            de.explain(m, V, X, XS, YS)
        assert len(X.graph.get_operations()) == before + 2 * added + 1


# Memory

class Given:
    """A function that holds an array."""

    def __init__(self, array):
        self.array = array

    def __call__(self, xs):
        return self.array


def test_baselines_are_let_go():
    """Arrays and functions are gone after the call, the graph stays as it is, and few explainers are kept."""
    xs = np.ones((256, 64), 'f4')
    with tf.Graph().as_default() as graph, v1.Session() as session, DeepExplain(session) as de:
        x = v1.placeholder(tf.float32, (None, 64))
        T = tf.reduce_sum(tf.tanh(x), 1)
        options = {'intgrad': {'steps': 2}, 'occlusion': {'window_shape': 32, 'step': 32},
                   'shapley_sampling': {'samples': 1}}
        names = ['deeplift', *options]

        def explain(name, baseline, n=256, **more):
            return de.explain(name, T, x, xs[:n], baseline=baseline, **options.get(name, {}), **more)
        for name in names:
            for n in 256, 4:
                explain(name, np.zeros((n, 64)), n)
                explain(name, lambda xs: 0 * xs, n)
        ops = len(graph.get_operations())
        gc.collect()
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            for k in range(60):
                array = np.full((256 if k < 30 else 4, 64), k / 60)
                name = names[k % 2] if k < 30 else names[k % 4]
                alive = weakref.ref(array)
                explain(name, array, len(array))
                given = Given(array)
                called = weakref.ref(given)
                explain(name, given, len(array))
                del array, given
                assert alive() is None and called() is None
            grown = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
        assert grown < 1 << 20, grown                   # 30 arrays of 128 kB went in, twice
        for k in range(150):
            explain('deeplift', k, 2, on_unsupported=['warn', 'ignore'][k % 2])
            de.explain('shapley_sampling', T, x, xs[:1], seed=k, samples=1,
                       sampling_dims=[1]) if k % 10 == 0 else None
            de.explain('elrp', T, x, xs[:2], epsilon=[1e-4, .5][k % 2],
                       on_unsupported=['warn', 'ignore', 'raise'][k % 3])
            if k == 2:
                ops = len(graph.get_operations())
        assert len(graph.get_operations()) == ops
        assert len(vars(session)['_deepexplain2_compiled'].explainers) <= 64


def test_sessions_are_let_go():
    def once():
        with tf.Graph().as_default() as graph, v1.Session() as session, DeepExplain(session) as de:
            x = v1.placeholder(tf.float64, (None, 5))
            T = NET.tensorflow(x)
            for name in methods():
                de.explain(name, T, x, XS)
            return weakref.ref(session), weakref.ref(graph)
    alive = once()
    gc.collect()
    assert [r() for r in alive] == [None, None]


def test_what_was_learned_outlives_the_explainer():
    """The number of rows, the reference, and what was warned of, where an explainer is made anew for every
    baseline."""
    with opened(NET) as (de, X, T, _):
        T = tf.nn.softmax(T)
        with pytest.warns(errors.TargetWarning):
            de.explain('deeplift', T, X, XS, baseline=np.zeros(5))
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            first = de.get_explainer('deeplift', T, X, baseline=np.zeros(5))
            second = de.get_explainer('deeplift', T, X, baseline=lambda xs: 0)
        assert first is not second and first._layouts.tuner is second._layouts.tuner
        assert first.compile() is second.compile()
        de.explain('deeplift', T, X, XS, baseline=np.zeros(5))
        assert kept(second)
        assert de.get_explainer('deeplift', T, X) is de.get_explainer('deeplift', T, X)


def test_books_are_known_by_what_they_say():
    products, softmax, normalization = ['uniform', 'signal'], ['constant',
                                                               'gradient'], ['constant', 'uniform']
    options = list(itertools.product([1e-4, .5, 1], products, softmax, normalization))
    made = [EpsilonLRP(*o).book.key for o in options]
    assert made == [EpsilonLRP(*o).book.key for o in options]
    made += [DeepLift().book.key, DeepLift(max_pooling='gradient').book.key, queries.NO_RULES.key]
    assert len(set(made)) == len(made)
