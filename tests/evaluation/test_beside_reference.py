"""Metrics beside values of reference: of Quantus, Captum and loops over their definitions."""

import numpy as np
import pytest
import tensorflow as tf

from deepexplain2 import DeepExplain
from deepexplain2.targets import Probability
from tests.support.black_box_reference import METRICS, reference

NETS = ['cnn_pool', 'mlp_tabular']
MAPS = ['gradxinput', 'guided_backprop']


def case(net, kind, session):
    """(X, T, xs, ys, baseline, attributions, values of reference)."""
    (X,), t, (xs,), ys, (baseline,), _ = reference(net, session, METRICS)
    summed = METRICS[f'{net}/metrics/{kind}/map']
    attributions = np.zeros_like(xs)                    # all of it in one channel
    if xs.ndim > 2:
        attributions[..., 0] = summed
    else:
        attributions[:] = summed
    return X, t, xs, ys, baseline, attributions, {
        k.split('/', 3)[3]: METRICS[k] for k in METRICS.files if k.startswith(f'{net}/metrics/{kind}/')}


def close(scores, want):
    np.testing.assert_allclose(scores.values if hasattr(scores, 'values') else scores, want, rtol=1e-6,
                               atol=1e-9)


@pytest.mark.parametrize('kind', MAPS)
@pytest.mark.parametrize('net', NETS)
def test_values_and_maps(net, kind, session):
    X, t, xs, ys, baseline, a, want = case(net, kind, session)
    some = f'{net}/metrics/'
    absent = {name: METRICS[some + name] for name in ('subsets', 'subsets_n')}
    with DeepExplain(session) as de:
        def scores(metric, **parameters):
            return de.evaluate(metric, t, X, xs, a, ys, **parameters)
        for name in 'deletion', 'insertion':
            found = scores(name, steps=-1, baseline=baseline)
            close(found.curve.y, want[f'{name}_curve'])
            close(found, want[f'{name}_auc'])
        close(scores('sparseness'), want['sparseness_gini'])
        close(scores('complexity'), want['complexity_entropy'])
        for least in '1e-5', '0.05':
            close(scores('effective_complexity', threshold=float(least), absolute=True),
                  want[f'effective_complexity_{least}'])
        close(scores('faithfulness_correlation', subsets=absent['subsets'], baseline=baseline),
              want['faithfulness_correlation'])
        close(scores('mu_fidelity', subsets=absent['subsets'], baseline=baseline),
              want['mu_fidelity_spearman'])
        close(scores('faithfulness_correlation', subsets=absent['subsets_n'], baseline=baseline),
              want['sensitivity_n'])
        close(scores('monotonicity', baseline=baseline), want['monotonicity_correlation'])
        masks = METRICS[some + 'segmentation']
        for of, suffix in ('positive', ''), ('absolute', '_abs'):
            close(scores('pointing_game', masks=masks, of=of), want[f'pointing_game{suffix}'])
        for of, suffix in ('positive', 'positive'), ('absolute', 'abs'):
            close(scores('relevance_mass', masks=masks, of=of), want[f'relevance_mass_accuracy_{suffix}'])
            close(scores('relevance_rank', masks=masks, of=of), want[f'relevance_rank_accuracy_{suffix}'])
            close(scores('top_k_intersection', masks=masks, of=of, k=int(METRICS[some + 'top_k'])),
                  want[f'top_k_intersection_{suffix}'])


@pytest.mark.parametrize('kind', MAPS)
def test_probabilities(kind, session):
    X, t, xs, ys, baseline, a, want = case('cnn_pool', kind, session)
    logits = next(i for op in t.graph.get_operations() if op.type in ('BiasAdd', 'AddV2', 'Add')
                  for i in op.outputs if i.shape.rank == 2 and i.shape[1] == 5)
    with DeepExplain(session) as de:
        for b, suffix in (0, 'zero'), (baseline, 'baseline'):
            for metric, key in (('average_drop', 'average_drop'), ('average_gain', 'average_gain'),
                                ('increase_in_confidence', 'average_increase')):
                close(de.evaluate(metric, Probability(outputs=logits), X, xs, a, ys, baseline=b),
                      want[f'{key}_{suffix}/rows'])
        for name in 'deletion', 'insertion':
            close(de.evaluate(name, tf.nn.softmax(logits), X, xs, a, ys, steps=-1, baseline=baseline),
                  want[f'{name}_auc_softmax'])


@pytest.mark.parametrize('net', NETS)
def test_agreement(net, session):
    X, t, xs, ys, _, a, _ = case(net, 'gradxinput', session)
    b = case(net, 'guided_backprop', session)[5]
    with DeepExplain(session) as de:
        if net == 'mlp_tabular':                # entries are positions
            close(de.evaluate('rank_correlation', t, X, xs, a, ys, other=b),
                  METRICS[f'{net}/metrics/spearman_gradxinput_guided'])
        else:
            close(de.evaluate('ssim', t, X, xs, a, ys, other=b), METRICS[f'{net}/metrics/ssim_uniform7'])


@pytest.mark.parametrize('net', [*NETS, 'two_inputs'])
def test_infidelity_and_sensitivity(net, session):
    X, t, xs, ys, _, _ = reference(net, session, METRICS)
    moved, around = ([METRICS[f'{net}/{kind}_perturbations/{k}'] for k in range(len(xs))]
                     for kind in ('infidelity', 'sensitivity'))
    with DeepExplain(session) as de:
        a = de.explain('grad*input', t, X, xs, ys)
        for normalize, suffix in (False, ''), (True, '_normalized'):
            close(de.evaluate('infidelity', t, X, xs, a, ys, changes=moved, normalize=normalize),
                  METRICS[f'{net}/captum/infidelity_gradxinput{suffix}'])
        close(de.evaluate('max_sensitivity', t, X, xs, 'gradient', ys, changes=around),
              METRICS[f'{net}/captum/sensitivity_max_gradient'])
