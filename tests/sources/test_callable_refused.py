"""from_callable: what it refuses, and errors of the function."""

import signal
import threading

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import errors
from tests.support.black_boxes import PERTURBATION, XS, S, W, close, explained, f, opened
from tests.support.few import ANYWHERE

GRADIENT = sorted(set(ANYWHERE) - set(PERTURBATION))


class TestRefused:
    @pytest.mark.parametrize('method', GRADIENT)
    def test_methods_that_need_gradients(self, method):
        calls = []
        de = opened(lambda x: calls.append(x) or f(x), output=S((None, 3), tf.float64))
        message = f'"{method}" needs gradients.*only values: {", ".join(PERTURBATION)}'
        with pytest.raises(errors.PathError, match=message.replace('*input', r'\*input')):
            de.explain(method, de.outputs[0], de.inputs[0], XS)
        assert not calls

    def test_jit_compile(self):
        with pytest.raises(errors.PathError, match=r'jit_compile.*calls Python'):
            explained(f, jit_compile=True)

    @pytest.mark.parametrize('fn, message', [
        (lambda x: x.sum(), 'one entry per row'), (lambda x: np.array(['a']), 'no numbers'),
        (lambda x: np.array([None]), 'no numbers'), (lambda x: None, 'no numbers'),
        (lambda x: [x @ W, x @ W], 'tuple or a dict'), (lambda x: [x @ W, x], 'NumPy makes no array'),
        (lambda x: np.ma.masked_less(x, 0), 'mask would be lost'), (lambda x: x + 1j, 'no numbers'),
        (lambda x: (), 'returned no array'), (lambda x: 1 / 0, 'ZeroDivisionError.*refused.py, line'),
        (dict, 'a class'), (None, 'not NoneType')])
    def test_at_the_probe(self, fn, message):
        with pytest.raises(errors.SourceError, match=message):
            opened(fn)

    @pytest.mark.parametrize('later, message', [
        (lambda x: x[:1], r'shape \(4, 4\), returned shape \(1, 4\).*4 of them'),
        (lambda x: x[:, :2], r'where \(\?, 4\) is expected'), (lambda x: (x, x), '"0", "1".*one array'),
        (lambda x: x.astype(str), 'no numbers')])
    def test_another_answer_later(self, later, message):
        with pytest.raises(errors.RunError, match=message):
            explained(lambda x: later(x) if x.any() else x)

    def test_whole_numbers_that_become_fractions(self):
        de = opened(lambda x: x if x.any() else x.astype(int))
        with pytest.raises(errors.RunError, match='int64 cannot hold'):
            de.value(de.outputs[0], de.inputs[0], XS)

    def test_nan(self):
        with np.errstate(all='ignore'), pytest.raises(errors.ValueRangeError, match=r'begins at op.*PyFunc'):
            explained(np.log)

    @pytest.mark.parametrize('output', [S((), tf.float32), [S((None, 3), tf.float32)], (), 'a',
                                        S((None,), tf.string)])
    def test_output_signatures(self, output):
        with pytest.raises(errors.SourceError, match='output_signature'):
            opened(f, output=output)

    def test_what_has_a_better_way(self):
        class Estimator:
            def predict_proba(self, x):
                return x
        with pytest.raises(errors.SourceError, match=r'model\.predict_proba'):
            opened(Estimator())
        with pytest.raises(errors.SourceError, match='strings have no attributions'):
            opened(f, [S((None, 4), tf.string)])


class TestErrorsOfTheFunction:
    def test_are_the_cause_and_later_calls_work(self):
        broken = [True]

        def fails(x):
            if broken[0] and x.any():
                raise KeyError('my words')
            return x
        de = opened(fails)
        for n in 1, 5:
            message = r"KeyError: 'my words' \(.*refused.py, line \d+, in fails"
            with pytest.raises(errors.RunError, match=message) as caught:
                de.explain('occlusion', de.outputs[0], de.inputs[0], XS[:n])
            assert isinstance(caught.value.__cause__, KeyError)
        broken[0] = False
        close(de.explain('occlusion', de.outputs[0], de.inputs[0], XS), XS)

    def test_ctrl_c_reaches_it(self):
        reached = []

        def slow(x):
            if x.any() and not reached:
                reached.append(threading.current_thread())
                signal.raise_signal(signal.SIGINT)
            return x
        de = opened(slow)
        before = signal.signal(signal.SIGINT, signal.default_int_handler)       # a background job ignores it
        try:
            with pytest.raises(KeyboardInterrupt):
                de.explain('occlusion', de.outputs[0], de.inputs[0], XS)
        finally:
            signal.signal(signal.SIGINT, before)
        assert reached == [threading.main_thread()]
        close(de.explain('occlusion', de.outputs[0], de.inputs[0], XS), XS)
