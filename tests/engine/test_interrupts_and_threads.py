"""Runs that are interrupted, fail on either side, or go on in many threads."""

import _thread
import faulthandler
import itertools
import signal
import sys
import threading
import time

import numpy as np
import tensorflow as tf

from deepexplain2.engine import batch_size, sweep
from tests.support.networks import mlp, opened, samples

NET = mlp('tanh', 'relu', seed=3)
XS, YS = samples(NET, 11)


def test_interrupts_leave_nothing_behind():
    """30 at random times: no thread waits, the answers are the same, `out` holds what was done."""
    def ring(*_):
        if armed:
            raise KeyboardInterrupt
    armed, before = [], signal.signal(signal.SIGALRM, ring)
    faulthandler.dump_traceback_later(120, exit=True)
    rng, count = np.random.default_rng(0), 0
    try:
        with opened(NET, tf.float32) as (de, X, T, _):
            x, ys = samples(NET, 150)
            explainers = [de.get_explainer(m, T, X, **o) for m, o in
                          (('occlusion', {}), ('intgrad', {'steps': 20, 'hoist': False}), ('deeplift', {}))]
            expected = [e.run(x, ys, 4) for e in explainers]
            threads = _thread._count()
            for k in range(30):
                out = np.full_like(expected[k % 3], 7)
                try:
                    armed.append(1)
                    signal.setitimer(signal.ITIMER_REAL, rng.uniform(.0005, .01))
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
            assert ended(threads) and count > 10
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
