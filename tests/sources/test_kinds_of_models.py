"""Models of every kind: they compute the same in every way in, and rules say what they say on the same
network by hand."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain
from tests.support import twins
from tests.support.keras_models import LOOPS, MODELS, TOKENS, float64, inputs, made, tape
from tests.support.networks import v1

pytestmark = pytest.mark.filterwarnings('ignore::deepexplain2.errors.NonlinearOpWarning')
UNITS = np.array([0, 2, 1, 1])
BY_HAND = [*MODELS.keys() - {'nested'}, *TOKENS]
# a graph, a loop, two inputs, ids, products of matrices of X: what an export writes in another way
EXPORTED = ['residual', 'lstm', 'two_inputs', 'embedding_conv', 'attention']


@dataclass
class Opened:
    """A model in float64, open in a context."""

    kind: str
    model: keras.Model
    de: DeepExplain
    xs: list[np.ndarray]

    def explained(self, method: str, de: DeepExplain | None = None, T: Any = None, X: Any = None,
                  **options: Any) -> list[np.ndarray]:
        """One array per input, in the context of the model and by all of its inputs if no other are given."""
        de = self.de if de is None else de
        X = list(de.inputs if X is None else X)
        if method == 'deeplift':
            ids = self.xs[0].dtype.kind == 'i'
            baselines = [int(self.xs[0][0, 0])] if ids else [x[-1] for x in self.xs]
            options['baseline'] = baselines if len(X) > 1 else baselines[0]
        given = (X, self.xs) if len(X) > 1 else (X[0], self.xs[0])
        found = de.explain(method, de.outputs[0] if T is None else T, *given, ys=UNITS, **options)
        return found if len(X) > 1 else [found]


@pytest.fixture(scope='module')
def opened(request):
    with float64():
        model = made(request.param)
        with DeepExplain.from_keras(model) as de:
            yield Opened(request.param, model, de, inputs(model))


def of(kinds):
    return pytest.mark.parametrize('opened', sorted(kinds), indirect=True)


def assert_same(found, expected, tolerance=1e-10):             # in float64, sums in another order
    assert len(found) == len(expected)
    for a, b in zip(found, expected):
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * np.abs(b).max())


@of(MODELS)
def test_as_the_model(opened):
    """Outputs of the model in inference, the gradient by the eager tape; X and T by symbolic tensors and by
    name."""
    model, de, xs = opened.model, opened.de, opened.xs
    expected = model(xs if len(xs) > 1 else xs[0], training=False).numpy()
    assert_same([de.session.run(de.outputs[0], dict(zip(de.inputs, xs)))], [expected])
    assert any(op.type == 'While' for op in de.graph.get_operations()) == (opened.kind in LOOPS)
    assert_same(opened.explained('grad*input'),
                [g * x for g, x in zip(tape(model, xs, UNITS), xs)], 1e-7)
    symbolic = opened.explained('deeplift', T=model.get_layer('logits').output, X=model.inputs)
    assert_same(opened.explained('deeplift', T='logits', batch_size=3), symbolic, 1e-7)


@of(BY_HAND)
def test_by_hand(opened):
    """Rules on a model are rules on the same network made of raw ops in a TF1 graph, loops unrolled."""
    weights = opened.model.get_weights()
    with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session, DeepExplain(session) as de:
        X = [v1.placeholder(t.dtype, (None, *t.shape[1:])) for t in opened.model.inputs]
        T = getattr(twins, opened.kind)(*X, *weights)
        assert de.outputs[0] is T and T.dtype == tf.float64
        assert not any(op.type == 'While' for op in graph.get_operations())
        assert_same([session.run(T, dict(zip(X, opened.xs)))],
                    [opened.de.session.run(opened.de.outputs[0], dict(zip(opened.de.inputs, opened.xs)))])
        one_more_loop = opened.kind in ('bidirectional', 'embedding_lstm')      # elrp in loops: lstm, gru
        for method in ['deeplift'] if one_more_loop else ['deeplift', 'elrp']:
            assert_same(opened.explained(method, de, T, X), opened.explained(method))


@of([*MODELS, *TOKENS])
def test_frozen_graphs_sessions_and_functions(opened, tmp_path):
    """They compute what the live model computes; rules see no more of where a graph comes from."""
    model = opened.model
    expected = opened.de.session.run(opened.de.outputs[0], dict(zip(opened.de.inputs, opened.xs)))
    tf.io.write_graph(opened.de.graph, str(tmp_path), 'frozen.pb', as_text=False)
    graph = tf.Graph()
    with graph.as_default():
        tf.graph_util.import_graph_def(opened.de.graph.as_graph_def(), name='')
    specs = [tf.TensorSpec(t.shape, t.dtype, name=f'argument_{k}') for k, t in enumerate(model.inputs)]
    for context in (DeepExplain.from_graph_def(tmp_path / 'frozen.pb'), DeepExplain(v1.Session(graph=graph)),
                    DeepExplain.from_function(lambda *x: model(list(x) if len(x) > 1 else x[0],
                                                               training=False), specs)):
        with context as de:
            X = sorted(de.inputs, key=lambda t: t.shape[-1])                # 4 and 6 features
            assert_same([de.session.run(de.outputs[0], dict(zip(X, opened.xs)))], [expected])
            if opened.kind == 'residual':
                for method in 'grad*input', 'deeplift', 'elrp':
                    assert_same(opened.explained(method, de, X=X), opened.explained(method))
        de.session.close()


@of(EXPORTED)
def test_saved_models(opened, tmp_path):
    opened.model.export(str(tmp_path), verbose=False)
    with DeepExplain.from_saved_model(tmp_path) as de:
        X = sorted(de.inputs, key=lambda t: t.shape[-1])
        assert_same([de.session.run(de.outputs[0], dict(zip(X, opened.xs)))],
                    [opened.de.session.run(opened.de.outputs[0], dict(zip(opened.de.inputs, opened.xs)))])
        assert_same(opened.explained('deeplift', de, X=X), opened.explained('deeplift'))


def test_the_model_is_as_before_and_trains_on():
    model = made('residual')
    xs = inputs(model)[0]
    before = model.predict(xs, verbose=0)
    with DeepExplain.from_keras(model) as de:
        for method in 'grad*input', 'deeplift':
            de.explain(method, de.outputs[0], de.inputs[0], xs, ys=UNITS)
    np.testing.assert_array_equal(model.predict(xs, verbose=0), before)
    model.compile('sgd', 'mse')
    model.fit(xs, before + 1, verbose=0)
    assert np.abs(model.predict(xs, verbose=0) - before).max() > 1e-5
