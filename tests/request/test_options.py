"""Options of a run are declared once: typed, checked, and misspelt ones answered."""

import inspect
import typing

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain, Explainer, errors
from deepexplain2.request.options import OPTIONS, Options, RunOptions, StreamOptions, parse, split
from deepexplain2.tokens import TokenExplainer

v1 = tf.compat.v1


def test_declared_once():
    declared = set(typing.get_type_hints(RunOptions)) | {'batch_size'}
    assert set(OPTIONS) == declared and len(OPTIONS) == len(declared)
    fields = {name: field for name, field in Options.__dataclass_fields__.items() if name != 'with_ends'}
    assert set(fields) == declared                      # with_ends is no option of the caller
    documented = inspect.getdoc(Explainer.run)
    assert all(f'\n{name} : ' in documented for name in ['xs', 'ys', *OPTIONS])
    assert Explainer.run is TokenExplainer.run
    hints = typing.get_type_hints(Explainer.run)
    assert typing.get_args(hints['options']) == (RunOptions,)
    assert typing.get_args(typing.get_type_hints(Explainer.stream)['options']) == (StreamOptions,)


def test_parsed():
    given = {'progress': True, 'memory_limit': 3, 'feed_dict': {}}
    found = parse(np.int64(4), given)
    assert found == Options(4, {}, progress=True, memory_limit=3)
    assert parse(None, {}) == Options()
    found = split({'steps': 3, 'progress': True, 'out': None})
    assert found == ({'progress': True, 'out': None}, {'steps': 3})


@pytest.mark.parametrize('batch_size, given, said', [
    (0, {}, 'batch_size must be an integer >= 1, not 0'),
    (True, {}, 'batch_size must'),
    (2., {}, 'batch_size must be'),
    (None, {'memory_limit': -1}, 'memory_limit must be'),
    (None, {'progress': 1}, 'progress must be True, False or'),
    (None, {'progress': print.__class__}, 'progress must be'),
    (None, {'return_delta': 1}, 'return_delta must be True'),
    (None, {'retrun_delta': True}, 'run has no option \'retrun_delta\'. Did you mean "return_delta"'),
    (None, {'xss': 1}, 'Did you mean "xs"'), (None, {'stepz': 1}, 'Did you mean "steps"'),
    (None, {'steps': 1}, "no option 'steps'. It takes: xs, ys, batch_size, .*, out. Parameters of a"),
    (None, {'with_ends': True}, "no option 'with_ends'"), (None, {'qqq': 1}, "no option 'qqq'. It takes")])
def test_refused(batch_size, given, said):
    with pytest.raises(errors.ParameterError, match=said):
        parse(batch_size, given, parameters=lambda: ['steps', 'quadrature'])


def test_ways_to_call():
    with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        x, ids = v1.placeholder(tf.float64, (None, 3)), v1.placeholder(tf.int32, (None, 2))
        factor = v1.placeholder_with_default(np.float64(1), ())
        T = tf.nn.tanh(x) * factor
        lookup = tf.nn.embedding_lookup(np.eye(3), ids) * factor
        xs, ys = np.arange(12.).reshape(4, 3), np.array([0, 2, 1, 0])
        with DeepExplain(session) as de:
            for name, X, value in [(T, x, xs), (lookup[:, 0], ids, np.array([[0, 1]] * 4))]:
                explainer = de.get_explainer('intgrad', name, X)
                want = explainer.run(value, ys=ys, batch_size=2)
                for got in (explainer.run(value, ys, 2), explainer.run(xs=value, ys=ys),
                            explainer.run(value, ys, None), de.explain('intgrad', name, X, value, ys, 3),
                            de.explain('intgrad', name, X, xs=value, ys=ys),
                            *explainer.stream([(value, ys)], 2)):
                    np.testing.assert_allclose(got, want, rtol=1e-12)
                doubled = explainer.run(value, ys, 2, feed_dict={factor: 2.}, progress=False)
                np.testing.assert_allclose(doubled, 2 * want, rtol=1e-12)
                streamed = next(explainer.stream([(value, ys)], feed_dict={factor: 2.}))
                np.testing.assert_allclose(streamed, doubled)
                for call, known in [(explainer.run, (value,)), (explainer.stream, ([value],)),
                                    (explainer.explanation, (value,)),
                                    (de.explain, ('intgrad', name, X, value))]:
                    with pytest.raises(errors.ParameterError, match='Did you mean "steps"'):
                        call(*known, stps=3)
