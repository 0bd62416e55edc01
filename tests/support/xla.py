"""Attributions with XLA and without."""

OPTIONS = {'intgrad': {'steps': 3}, 'shapley_sampling': {'samples': 2, 'seed': 1}}


def both(de, method, T, X, xs, ys, **options):
    """Attributions with and without XLA."""
    return [de.explain(method, T, X, xs, ys, **OPTIONS.get(method, {}) | options, **more)
            for more in ({'jit_compile': True}, {})]
