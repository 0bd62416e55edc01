"""A few seeds of the search for silent faults; `make fuzz` goes on."""

import pytest

from tests.fuzz.checks import check
from tests.fuzz.dense import random_dense
from tests.fuzz.graphs import random_graph
from tests.fuzz.layers import random_model
from tests.fuzz.programs import Program, shortened
from tests.fuzz.scripts import script

GRAPHS, MODELS, DENSE = range(100, 104), range(200, 203), range(300, 301)


def show(failures):
    return '\n\n'.join(map(script, failures))


@pytest.mark.parametrize('seed', GRAPHS)
def test_random_graph(seed):
    failures = check(random_graph(seed))
    assert not failures, show(failures)


@pytest.mark.parametrize('seed', MODELS)
def test_random_keras_model(seed):
    # under jit_compile in tests/graph/test_xla.py
    failures = check(random_model(seed), left_out=('third', 'jit_compile'))
    assert not failures, show(failures)


@pytest.mark.parametrize('seed', DENSE)
def test_random_dense_net(seed):
    failures = check(random_dense(seed))
    assert not failures, show(failures)


def test_finds_a_fault(monkeypatch):
    """A gradient that is off by a thousandth is found, and shortened to the line that makes it."""
    from deepexplain2.attribution.gradient.saliency import Saliency
    right = Saliency.attribute
    monkeypatch.setattr(Saliency, 'attribute', lambda *a: [1.001 * g for g in right(*a)])
    setting = {'way': 'session', 'dtype': 'float64', 'rows': 2, 'ys': 'none', 'P': True}
    program = Program('graph', 1, ('h1 = tf.tanh(h0)', 'h2 = h1 * 2', 'h3 = tf.nn.relu(h2)'), setting)
    found = check(program, 'saliency: wrong')
    assert [f.what for f in found] == ['saliency: wrong']
    small = shortened(program, lambda p: bool(check(p, 'saliency: wrong')), lambda: False)
    assert len(small.without_names().lines) == 1
    text = script(check(small, 'saliency: wrong')[0])
    assert "de.explain('saliency', T, X, xs, ys" in text
    compile(text, 'script', 'exec')
