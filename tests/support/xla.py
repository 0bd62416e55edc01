"""Attributions with XLA and without."""

from deepexplain2.features import Grid

OPTIONS = {'intgrad': {'steps': 3}, 'shapley_sampling': {'samples': 2, 'seed': 1},
           **{name: {'samples': 20} for name in ('kernel_shap', 'lime', 'rise', 'hsic')},
           'sobol': {'samples': 4}, 'shapley': {'features': Grid(2)}}


def both(de, method, T, X, xs, ys, **options):
    """Attributions with and without XLA."""
    return [de.explain(method, T, X, xs, ys, **OPTIONS.get(method, {}) | options, **more)
            for more in ({'jit_compile': True}, {})]
