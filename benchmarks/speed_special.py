"""What speed.py measures beside the comparison: python speed_special.py NAME quick|full prints one line of
JSON."""

import itertools
import json
import re
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from speed_sides import peak, reset_peak

DIGITS = Path(__file__).resolve().parent.parent / 'examples' / 'data' / 'mnist_4k.npz'


def opened(model):
    from deepexplain2 import DeepExplain
    de = DeepExplain.from_keras(model).__enter__()
    return de, de.outputs[0], de.inputs[0]


def overhead(quick):
    """Milliseconds of run for one row, saliency, and of the same gradient by a callable and by session.run,
    in turns."""
    import speed_models
    import tensorflow as tf
    found = {}
    for name in 'mlp', 'mnist':
        de, T, X = opened(speed_models.MODELS[name]())
        with de.graph.as_default():
            gradient, = tf.gradients(T, X)
        explainer = de.get_explainer('saliency', T, X)
        xs = np.random.default_rng(0).normal(size=(1, *X.shape[1:])).astype('f')
        callable_ = de.session.make_callable([gradient], [X])
        calls = {'run': lambda e=explainer, xs=xs: e.run(xs), 'callable': lambda c=callable_, xs=xs: c(xs),
                 'session.run': lambda de=de, g=gradient, X=X, xs=xs: de.session.run(g, {X: xs})}
        times = {what: [] for what in calls}
        for k in range(300 if quick else 2000):
            for what, call in calls.items():
                start = time.perf_counter()
                call()
                if k >= 50:
                    times[what].append(1e3 * (time.perf_counter() - start))
        found[name] = {what: np.percentile(t, [25, 50, 75]).tolist() for what, t in times.items()}
    return found


def steps(quick):
    """The fewest steps of intgrad that leave a gap of 1 % of f(x) - f(0), in the mean and in 95 % of rows: a
    CNN trained on real digits."""
    import keras
    import speed_models
    keras.utils.set_random_seed(0)
    with np.load(DIGITS) as data:
        x, y = data['x'][..., None].astype('f') / 255, data['y'].astype(np.int64)
    model, rows = speed_models.MODELS['mnist'](), 32 if quick else 100
    model.compile(keras.optimizers.Adam(2e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                  metrics=['accuracy'])
    model.fit(x[:3500], y[:3500], batch_size=64, epochs=4, verbose=0)
    accuracy = model.evaluate(x[3500:], y[3500:], verbose=0)[1]
    de, T, X = opened(model)
    xs, ys = x[-rows:], y[-rows:]
    f = de.session.run(T, {X: np.concatenate([xs, 0 * xs[:1]])})
    change = f[:-1][np.arange(rows), ys] - f[-1][ys]

    def enough(quadrature, n, judge):
        if (quadrature, n) not in gaps:
            gaps[quadrature, n] = np.abs(de.explain('intgrad', T, X, xs, ys, steps=n, quadrature=quadrature,
                                                    return_delta=True)[1] / change)
        return judge(gaps[quadrature, n]) <= .01
    gaps, found = {}, {}
    for quadrature in 'riemann_right', 'gausslegendre':
        found[quadrature] = {}
        for what, judge in ('mean', np.mean), ('95 %', lambda gap: np.percentile(gap, 95)):
            high = next((n for n in (2 ** k for k in range(1, 12)) if enough(quadrature, n, judge)), None)
            low = None if high is None else high // 2
            while high and high - low > max(1, low // 20):          # to 5 %
                middle = (low + high) // 2
                low, high = (low, middle) if enough(quadrature, middle, judge) else (middle, high)
            found[quadrature][what] = high
    return {'accuracy': accuracy, 'rows': rows, 'steps': found}


def memory(quick):
    """MB before and at the peak, with a batch of 16 images, 224x224, by the number of evaluations."""
    from keras import Input, Model, layers
    image = Input((224, 224, 3))
    h = layers.Conv2D(16, 3, 2, activation='relu')(layers.Conv2D(8, 3, 2, activation='relu')(image))
    de, T, X = opened(Model(image, layers.Dense(10)(layers.GlobalAveragePooling2D()(h))))
    xs, ys = np.random.default_rng(0).normal(size=(1, 224, 224, 3)).astype('f'), np.array([3])
    warnings.simplefilter('ignore')                         # features that no window covers
    found = {}
    for method, name, values in (('occlusion', 'step', (56, 28, 14) if quick else (56, 28, 14, 7)),
                                 ('intgrad', 'steps', (100, 1000))):
        found[method] = {}
        for k, value in enumerate(values[:1] + values):     # the first warms up
            explainer = de.get_explainer(method, T, X, **{name: value},
                                         **({'window_shape': 1} if method == 'occlusion' else {}))
            reset_peak()
            before = peak()
            explainer.run(xs, ys, batch_size=16)
            if k:
                found[method][explainer.plan(1, 16).evaluations] = before, peak()
    return found


def stream(quick):
    """Resident MB and ops in the graph over a stream of rows."""
    import speed_models
    de, T, X = opened(speed_models.MODELS['mlp']())
    total, size, ys = 100_000 if quick else 1_000_000, 2000, np.full(2000, 3)
    explainer, rng = de.get_explainer('saliency', T, X), np.random.default_rng(0)
    explainer.run(rng.normal(size=(size, 100)), ys)
    ops, start, resident = len(de.graph.get_operations()), time.perf_counter(), []
    batches = ((rng.normal(size=(size, 100)), ys) for _ in itertools.repeat(None, total // size))
    for k, _ in enumerate(explainer.stream(batches)):
        if k % (total // size // 10) == 0:
            resident.append(int(re.search(r'VmRSS:\s+(\d+) kB',
                                          Path('/proc/self/status').read_text())[1]) / 1024)
    return {'rows': total, 'seconds': time.perf_counter() - start, 'resident': resident, 'ops before': ops,
            'ops after': len(de.graph.get_operations())}


MEASUREMENTS = {'overhead': overhead, 'steps': steps, 'memory': memory, 'stream': stream}

if __name__ == '__main__':
    print(json.dumps(MEASUREMENTS[sys.argv[1]](sys.argv[2] == 'quick')))
