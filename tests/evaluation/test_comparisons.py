"""Methods compared by metrics, and models with random weights."""

from dataclasses import dataclass

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import spearmanr

from deepexplain2 import DeepExplain, errors, metrics
from deepexplain2.evaluation import Comparison, Scores
from deepexplain2.evaluation.measure import Measurement
from deepexplain2.targets import ClassScore
from tests.support.networks import cnn, mlp, opened, samples, v1

NET = mlp('tanh', 'relu', sizes=(5, 6, 3))
XS, YS = samples(NET, 8)[0], np.array([0, 1, 2, 1, 0, 2, 1, 1])
METRICS = ['deletion', 'mu_fidelity', 'completeness']


def test_a_table():
    with opened(NET) as (de, X, T, _):
        table = de.compare(['intgrad', 'grad_cam', 'deeplift', 'occlusion'], T, X, XS, YS,
                           metrics=METRICS)
        assert isinstance(table, Comparison) and table.is_complete
        assert table.methods == ['intgrad', 'grad_cam', 'deeplift', 'occlusion', 'random', 'gradient']
        for method in 'intgrad', 'deeplift', 'gradient':
            for metric in METRICS[:2]:
                want = de.evaluate(metric, T, X, XS, method, YS)
                found = table.scores[method, metric]
                assert isinstance(found, Scores)
                np.testing.assert_allclose(found.values, want.values, rtol=1e-9)
        # a method that is refused is a row with the reason
        assert 'grad_cam' in str(table) and 'spatial axes' in table.scores['grad_cam', 'deletion']
        assert 'no sum is promised' in table.reasons['gradient', 'completeness']
        assert table.mean('deeplift', 'completeness') < 1e-9 and np.isnan(table.mean('grad_cam', 'deletion'))
        assert table.evaluations['intgrad'] == 800 and table.evaluations['gradient'] == 8
        # ranks, order, agreement
        means = {m: table.mean(m, 'deletion') for m in table.methods if m != 'grad_cam'}
        ordered = sorted(means, key=means.get)
        assert [table.ranks[m, 'deletion'] for m in ordered] == [1 + sum(means[o] < means[m] for o in means)
                                                                 for m in ordered]
        assert table.ordered[-1] == 'grad_cam'
        assert table.ordered.index('random') >= 4
        agreement = table.agreement
        assert agreement.shape == (6, 6) and np.isnan(agreement[-1, 0])
        k, j = table.ordered.index('intgrad'), table.ordered.index('deeplift')
        a, b = (de.explain(m, T, X, XS, YS) for m in ('intgrad', 'deeplift'))
        np.testing.assert_allclose(agreement[k, j], np.mean([spearmanr(p, q)[0] for p, q in zip(a, b)]))
        np.testing.assert_array_equal(agreement, agreement.T)


def test_how_it_is_shown(tmp_path):
    with opened(NET) as (de, X, T, _):
        table = de.compare({'path': 'intgrad'}, T, X, XS, YS, metrics={'gone': metrics['deletion'](steps=2)})
    text = table.to_markdown()
    assert text.startswith('| method | gone ↓ | time | evaluations |\n|---|---|---|---|\n| path |')
    assert '±' in text and '(1)' in text
    assert repr(table).startswith('method') and '<table>' in table._repr_html_()
    pandas = pytest.importorskip('pandas')
    frame = table.to_frame()
    assert isinstance(frame, pandas.DataFrame) and list(frame.index) == table.ordered
    np.testing.assert_allclose(frame.loc['path', 'gone'], table.mean('path', 'gone'))
    pytest.importorskip('matplotlib')
    table.plot()[0, 0].figure.savefig(tmp_path / 'table.png')
    assert (tmp_path / 'table.png').stat().st_size > 5000


def test_interrupted_and_resumed():
    """What is done is kept, and not done again."""
    net, count = cnn('tanh'), [0]
    xs, ys = samples(net, 3)

    @dataclass(frozen=True)
    class Stop(metrics['sparseness']):
        def score(self, trial):
            count[0] += 1
            if count[0] == 2:
                raise KeyboardInterrupt
            return super().score(trial)
    with opened(net) as (de, X, T, _):
        given = {'deletion': metrics['deletion'](), 'sparse': Stop()}
        with pytest.warns(errors.ToleranceWarning, match='interrupted: 3 of 6 scores are in it'):
            part = de.compare(['saliency'], T, X, xs, ys, metrics=given)
        assert not part.is_complete and ('saliency', 'sparse') in part.scores
        first = part.scores['saliency', 'deletion']
        whole = de.compare(['saliency'], T, X, xs, ys, metrics=given, resume=part)
        assert whole.is_complete and whole.scores['saliency', 'deletion'] is first
        assert count[0] == 2 + 2                        # the one that was cut, and the gradient
        for other in (xs + 1, ys), (xs, ys + 1):
            with pytest.raises(errors.ParameterError, match='a comparison of other rows, ys'):
                de.compare(['saliency'], T, X, *other, metrics=given, resume=part)
        # a metric of the same name with other parameters is measured
        given['deletion'] = metrics['deletion'](steps=2)
        again = de.compare(['saliency'], T, X, xs, ys, metrics=given, resume=part)
        assert again.scores['saliency', 'deletion'].metric == 'Deletion(steps=2)'


def test_nothing_is_evaluated_twice(monkeypatch):
    """T at the inputs of few features is known to all metrics."""
    with opened(NET) as (de, X, T, _):
        evaluated = []
        evaluate = Measurement.score

        def counted(self, metric, *given):
            progress = self._options.progress
            object.__setattr__(self._options, 'progress', lambda p: evaluated.append((metric.name, p.done)))
            try:
                return evaluate(self, metric, *given)
            finally:
                object.__setattr__(self._options, 'progress', progress)
        monkeypatch.setattr(Measurement, 'score', counted)
        de.compare(['intgrad', 'saliency'], T, X, XS, YS, metrics=['faithfulness_correlation', 'mu_fidelity',
                                                                   'deletion'])
        done = {name: max((d for n, d in evaluated if n == name), default=0) for name, _ in evaluated}
        assert done['faithfulness_correlation'] <= 8 * 32 and 'mu_fidelity' not in done


def test_metrics_that_explain_again():
    with opened(NET) as (de, X, T, _):
        table = de.compare(['elrp'], T, X, XS, YS, metrics=[
            'random_logit', metrics['model_randomization'](steps=2), 'average_sensitivity'])
        assert table.is_complete and not table.reasons
        assert table.metrics[1] == 'ModelRandomization(steps=2)'
        assert table.mean('random', 'average_sensitivity') > 1


def test_baselines_are_not_mixed():
    given = {f'{name} {b}': metrics[name](baseline=b) for name in ('insertion', 'mu_fidelity')
             for b in (0, 1.)}
    with opened(NET) as (de, X, T, _):
        table = de.compare(['saliency'], T, X, XS, YS, metrics=given)
        for label, metric in given.items():
            want = de.evaluate(metric, T, X, XS, 'saliency', YS)
            np.testing.assert_allclose(table.scores['saliency', label].values, want.values, rtol=1e-9)


def test_what_is_refused():
    with opened(NET) as (de, X, T, _):
        with pytest.raises(errors.UnknownMethod, match='Did you mean "deeplift"'):
            de.compare(['deeplifts'], T, X, XS, YS)
        with pytest.raises(errors.UnknownMetric, match='Did you mean "deletion"'):
            de.compare(['deeplift'], T, X, XS, YS, metrics=['deletions'])
        with pytest.raises(errors.ParameterError, match='compare has no option'):
            de.compare(['deeplift'], T, X, XS, YS, metric=['deletion'])


def test_inputs_by_name_and_black_boxes():
    a, b = keras.Input((4,), name='a'), keras.Input((3,), name='b')
    model = keras.Model({'a': a, 'b': b}, keras.layers.Dense(3)(keras.layers.Concatenate()([a, b])))
    xs = {'a': XS[:5, :4].astype('f'), 'b': XS[:5, 1:4].astype('f')}
    with DeepExplain.from_keras(model) as de:
        table = de.compare(['deeplift'], de.outputs[0], dict(zip('ab', de.inputs)), xs, YS[:5],
                           metrics=METRICS)
        assert table.is_complete and not np.isnan(table.agreement).any()
    with DeepExplain.from_callable(np.tanh, [tf.TensorSpec((None, 3), tf.float64)]) as de:
        table = de.compare(['shapley'], de.outputs[0], de.inputs[0], XS[:, :3], YS, metrics=METRICS)
        assert 'needs gradients' in table.scores['gradient', 'deletion']
        assert table.mean('shapley', 'completeness') < 1e-9
        with pytest.raises(errors.TensorError, match='no weights between inputs and outputs'):
            de.randomized()


# Random weights

@pytest.fixture(scope='module')
def model():
    made = keras.Sequential([
        keras.Input((8, 8, 1)), keras.layers.Conv2D(3, 3, activation='relu', name='first'),
        keras.layers.BatchNormalization(name='norm'), keras.layers.Flatten(),
        keras.layers.Dense(4, name='last')])
    rng = np.random.default_rng(0)
    made.set_weights([np.abs(w) + rng.random(w.shape).astype('f') if w.ndim == 1 else
                      rng.normal(size=w.shape).astype('f') for w in made.get_weights()])
    return made


def test_random_weights(model):
    xs = np.random.default_rng(1).normal(size=(3, 8, 8, 1)).astype('f')
    weights = [w.copy() for w in model.get_weights()]
    with DeepExplain.from_keras(model) as de:
        T, X = de.outputs[0], de.inputs[0]
        before = de.value(T, X, xs)
        assert de.layers_with_weights == ['last', 'norm', 'first']
        other = de.randomized('last', seed=3)
        assert np.abs(other.value(other.outputs[0], other.inputs[0], xs) - before).max() > .1
        np.testing.assert_array_equal(other.value('norm', other.inputs[0], xs), de.value('norm', X, xs))
        np.testing.assert_array_equal(de.randomized([]).value(T.name, X.name, xs), before)
        again = de.randomized('last', seed=3)
        np.testing.assert_array_equal(again.value(T.name, X.name, xs), other.value(T.name, X.name, xs))
        assert (de.randomized('last', seed=4).value(T.name, X.name, xs) != again.value(T.name, X.name,
                                                                                       xs)).any()
        normal = de.randomized(seed=1, how='normal')
        assert np.abs(normal.value(T.name, X.name, xs) - before).max() > .1
        # permuted: the same numbers
        old = np.sort(weights[0].ravel())
        kernels = [tf.make_ndarray(n.attr['value'].tensor) for n in
                   de.randomized('first').graph.as_graph_def().node
                   if n.op == 'Const' and tf.make_ndarray(n.attr['value'].tensor).shape == (3, 3, 1, 3)]
        np.testing.assert_array_equal(np.sort(kernels[0].ravel()), old)
        assert (kernels[0] != weights[0]).any()
        np.testing.assert_array_equal(de.value(T, X, xs), before)
        with pytest.raises(errors.ParameterError, match=r"layers names 'lost', .*last, norm, first"):
            de.randomized('lost')
        with pytest.raises(errors.ParameterError, match='how must be one of'):
            de.randomized(how='zero')
    for a, b in zip(weights, model.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_random_weights_of_a_session(session):
    x = v1.placeholder(tf.float64, (None, 3), 'x')
    with v1.variable_scope('hidden'):
        w = v1.get_variable('w', (3, 4), tf.float64)
        h = tf.nn.relu(x @ w + v1.get_variable('b', (4,), tf.float64))
    with v1.variable_scope('out'):
        t = h @ v1.get_variable('w', (4, 2), tf.float64, use_resource=True)
    session.run(v1.global_variables_initializer())
    xs = np.random.default_rng(0).normal(size=(5, 3))
    with DeepExplain(session) as de:
        before, ops = de.value(t, x, xs), len(session.graph.get_operations())
        assert de.layers_with_weights == ['out', 'hidden']
        other = de.randomized('out')
        assert (other.value(t.name, x.name, xs) != before).any()
        np.testing.assert_array_equal(de.value(t, x, xs), before)
        assert len(session.graph.get_operations()) == ops
        scores = de.evaluate('model_randomization', ClassScore(outputs=t), x, xs, 'gradient',
                             np.array([0, 1, 0, 1, 0]))
        assert scores.curve.labels == ('out', 'hidden')


@pytest.mark.parametrize('order', ['top_down', 'bottom_up', 'independent'])
def test_model_randomization(model, order):
    xs = np.random.default_rng(1).normal(size=(3, 8, 8, 1)).astype('f')
    changed = {'top_down': [['last'], ['last', 'norm'], ['last', 'norm', 'first']],
               'bottom_up': [['first'], ['first', 'norm'], ['first', 'norm', 'last']],
               'independent': [['last'], ['norm'], ['first']]}[order]
    with DeepExplain.from_keras(model) as de:
        T, X = de.outputs[0], de.inputs[0]
        found = de.evaluate('model_randomization', T, X, xs, 'gradient', [0, 1, 2], order=order, seed=2,
                            similarity='pearson')
        a = de.explain('gradient', T, X, xs, [0, 1, 2])
        for k, layers in enumerate(changed):
            other = de.randomized(layers, seed=2)
            b = other.explain('gradient', other.outputs[0], other.inputs[0], xs, [0, 1, 2])
            np.testing.assert_allclose(found.curve.y[:, k], [np.corrcoef(p.ravel(), q.ravel())[0, 1]
                                                             for p, q in zip(a, b)], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(found.values, found.curve.y.mean(1))
        assert found.curve.labels == tuple(layers[-1] for layers in changed)
        with pytest.raises(errors.ParameterError, match='give the method by its name'):
            de.evaluate('model_randomization', T, X, xs, de.get_explainer('gradient', T, X), [0, 1, 2])
