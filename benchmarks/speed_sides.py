"""One library in speed.py: a process that loads a workload and answers requests, one line of JSON each.

python speed_sides.py SIDE FOLDER prints what it has loaded. Requests: {"do": "prepare", "method": m, "rows":
n, "file": f, "long": seconds} and perhaps "batch"; {"do": "floor", "rows": n, "evaluations": [gradients,
values]}; {"do": "time", "what": "method" or "floor"} for one timed repetition of what was prepared.
"""

import contextlib
import ctypes
import gc
import itertools
import json
import math
import os
import re
import resource
import sys
import time
import traceback
from importlib.metadata import version
from pathlib import Path

import numpy as np
from speed_workloads import STEPS, TARGET, WORKLOADS, evaluations

SIZES = 1, 4, 8, 16, 32, 64, 128, 256, 512, 1024        # rows in a call that are tried
LONG = 1.                       # seconds: larger calls are not tried, and floors measured for about as long
SHORT = .02                     # seconds: what takes less is repeated within one repetition
EPSILON = 1e-4                  # of elrp


class Ours:
    """deepexplain2, with what it chooses itself; and the raw session.run of the same graph."""
    packages = 'deepexplain2', 'tensorflow', 'keras'
    jit_compile = False

    def __init__(self, folder):
        import tensorflow as tf

        from deepexplain2 import DeepExplain
        self.de = DeepExplain.from_keras(loaded(folder)).__enter__()
        self.X, self.T = self.de.inputs[0], self.de.outputs[0]
        session, T, X = self.de.session, self.T, self.X
        # tf.gradients changes loops: a graph of its own
        if any('While' in op.type for op in self.de.graph.get_operations()):
            with tf.Graph().as_default() as graph:
                T, X = tf.graph_util.import_graph_def(self.de.graph.as_graph_def(),
                                                      return_elements=[T.name, X.name], name='')
            session = tf.compat.v1.Session(graph=graph)
        with session.graph.as_default():                    # before the session has run
            gradient, = tf.gradients(T[:, TARGET], X)
        self._raw = {name: session.make_callable([fetch], [X]) for name,
                     fetch in (('gradient', gradient), ('value', T))}

    def outputs(self, xs):
        return self._raw['value'](xs)[0]

    def method(self, name, workload, xs):
        w = WORKLOADS[workload]
        parameters = {'intgrad': {'steps': STEPS}, 'elrp': {'epsilon': EPSILON},
                      'occlusion': {'window_shape': w.window, 'step': w.window},
                      'shapley_sampling': {'samples': 1, 'sampling_dims': list(w.players)}}.get(name, {})
        explainer = self.de.get_explainer(name, self.T, self.X, self.jit_compile, **parameters)
        ys = np.full(len(xs), TARGET)
        return lambda: explainer.run(xs, ys), {'rows per run': explainer.plan(len(xs)).rows}

    def raw(self, kind, xs):
        return lambda: self._raw[kind](xs)


class Compiled(Ours):
    """deepexplain2 with jit_compile."""
    jit_compile = True


class Captum:
    """Captum on the port to torch; a batch size where it takes one."""
    packages = 'captum', 'torch'

    def __init__(self, folder):
        import speed_torch
        import torch
        self.torch = torch
        with np.load(folder / 'weights.npz') as weights:
            self.model = speed_torch.Network(json.loads((folder / 'layers.json').read_text()), weights).eval()

    def outputs(self, xs):
        return self.raw('value', xs)().numpy()

    def tensor(self, a):
        return self.torch.tensor(np.ascontiguousarray(np.moveaxis(a, -1, 1) if a.ndim == 4 else a))

    def raw(self, kind, xs):
        x = self.tensor(xs).requires_grad_(kind == 'gradient')

        def run():
            with self.torch.set_grad_enabled(kind == 'gradient'):
                outputs = self.model(x)
                return outputs if kind == 'value' else self.torch.autograd.grad(outputs[:, TARGET].sum(),
                                                                                x)[0]
        return run

    def method(self, name, workload, xs):
        from captum import attr
        w, x, n = WORKLOADS[workload], self.tensor(xs), len(xs)
        batch = method_batch(self, name, workload, xs)
        kinds = {'saliency': attr.Saliency, 'grad*input': attr.InputXGradient, 'elrp': attr.LRP,
                 'deeplift': attr.DeepLift,
                 'intgrad': attr.IntegratedGradients, 'occlusion': attr.Occlusion,
                 'shapley_sampling': attr.ShapleyValueSampling}
        explainer = kinds[name](self.model)
        options, together = {}, {'perturbations_per_eval': max(1, batch // n)}
        if name == 'deeplift':
            options = {'baselines': self.tensor(np.zeros_like(xs[:1]))}
        if name == 'intgrad':
            options = {'n_steps': STEPS, 'internal_batch_size': batch}
        if name == 'occlusion':
            options = {'sliding_window_shapes': w.window[-1:] + w.window[:-1] if len(w.window) == 3
                       else w.window, **together}
            options['strides'] = options['sliding_window_shapes']
        if name == 'shapley_sampling':
            sizes = [w.shape[a - 1] if a in w.players else 1 for a in range(1, len(w.shape) + 1)]
            mask = np.broadcast_to(np.arange(math.prod(sizes)).reshape(1, *sizes), (1, *w.shape))
            options = {'n_samples': 1, 'feature_mask': self.tensor(mask), **together}

        def run():
            if name == 'elrp':
                self._rules()                   # Captum takes them off after every call
            return explainer.attribute(x.detach(), target=TARGET, **options)

        def in_keras_order():
            found = run().detach().numpy()
            return np.moveaxis(found, 1, -1) if found.ndim == 4 else found
        setting = {k: v for k, v in options.items() if k in ('internal_batch_size', 'perturbations_per_eval')}
        return in_keras_order, setting

    def _rules(self):
        from captum.attr._core.lrp import SUPPORTED_LAYERS_WITH_RULES
        from captum.attr._utils.lrp_rules import EpsilonRule
        for module in self.model.modules():
            if isinstance(module, (*SUPPORTED_LAYERS_WITH_RULES, self.torch.nn.Conv1d)):
                module.rule = EpsilonRule(EPSILON)


class Shap:
    """SHAP's DeepExplainer, one row of background, on a model with the target as its only output."""
    packages = 'shap', 'tensorflow', 'keras'

    def __init__(self, folder):
        import keras
        model = loaded(folder)
        last = keras.layers.Dense(1, name='target')
        self.model = keras.Model(model.inputs, last(model.layers[-1].input))
        last.set_weights([w[..., TARGET:TARGET + 1] for w in model.layers[-1].get_weights()])

    def outputs(self, xs):
        return np.asarray(self.model(xs))

    def method(self, name, workload, xs):
        from shap import DeepExplainer
        explainer = DeepExplainer(self.model, np.zeros_like(xs[:1]))
        return lambda: explainer.shap_values(xs, check_additivity=False)[..., 0], {}


class Xplique:
    packages = 'xplique', 'tensorflow', 'keras'

    def __init__(self, folder):
        import tensorflow as tf
        self.tf, self.model = tf, loaded(folder)

        def gradient(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                outputs = self.model(x)[:, TARGET]
            return tape.gradient(outputs, x)
        self._raw = {'gradient': tf.function(gradient), 'value': tf.function(self.model)}

    def outputs(self, xs):
        return np.asarray(self.model(xs))

    def raw(self, kind, xs):
        x = self.tf.constant(xs)
        return lambda: np.asarray(self._raw[kind](x))

    def method(self, name, workload, xs):
        from xplique import attributions
        window = WORKLOADS[workload].window
        batch = method_batch(self, name, workload, xs)
        patch = window[0] if len(window) == 1 else window[:2]
        kind, options = {'saliency': (attributions.Saliency, {'reducer': None}),
                         'grad*input': (attributions.GradientInput, {'reducer': None}),
                         'intgrad': (attributions.IntegratedGradients, {'reducer': None, 'steps': STEPS}),
                         'occlusion': (attributions.Occlusion, {'patch_size': patch,
                                                                'patch_stride': patch})}[name]
        explainer = kind(self.model, batch_size=batch, **options)
        x, target = self.tf.constant(xs), self.tf.one_hot(np.full(len(xs), TARGET), 10)
        return lambda: np.asarray(explainer.explain(x, target)), {'batch_size': batch}


SIDES = {'deepexplain2': Ours, 'compiled': Compiled, 'captum': Captum, 'shap': Shap, 'xplique': Xplique}


def loaded(folder):
    import keras
    return keras.models.load_model(folder / 'model.keras')


def timed(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def rates(side, kind, xs, most):
    """{rows in a call: seconds per row} of the raw network, for the SIZES up to `most`; kept, as they do not
    depend on the method."""
    found = vars(side).setdefault('_rates', {}).setdefault(kind, {})
    for size in SIZES:
        if size > most or (found and max(r * s for s, r in found.items()) > LONG):
            break
        if size not in found:
            run = side.raw(kind, np.resize(xs, (size, *xs.shape[1:])))
            run()
            seconds = timed(run)
            found[size] = min([seconds] + [timed(run)
                                           for _ in range(int(np.clip(.3 / seconds, 1, 20)))]) / size
    return {size: rate for size, rate in found.items() if size <= most}


def best_batch(side, kind, xs, most):
    found = rates(side, kind, xs, most)
    return min(found, key=found.get)


def method_batch(side, name, workload, xs):
    """The rows per call for a method of a peer: what was asked for, else the best."""
    gradients, values = evaluations(workload, name)
    total = len(xs) * (gradients + values)
    return min(side.batch, total) if side.batch else best_batch(side, 'gradient' if gradients else 'value',
                                                                xs, total)


def floor(side, xs, gradients, values):
    """(call, how much of the method's evaluations it does, setting) by raw runs at the best batch size."""
    kind, wanted = ('gradient', gradients) if gradients else ('value', values)
    total = len(xs) * wanted
    size = best_batch(side, kind, xs, total)
    seconds = rates(side, kind, xs, total)[size] * size
    count = max(1, min(math.ceil(total / size), int(LONG / seconds)))
    run = side.raw(kind, np.resize(xs, (size, *xs.shape[1:])))
    return lambda: [run() for _ in range(count)], count * size / total, {'rows per run': size}


def reset_peak():
    """Peak memory counts from here on; whether the system can do that."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    try:
        Path('/proc/self/clear_refs').write_text('5')
        return True
    except OSError:
        return False


def peak():
    """Largest resident memory since reset_peak, in MB; where that does not work, of the life of the
    process."""
    try:
        return int(re.search(r'VmHWM:\s+(\d+) kB', Path('/proc/self/status').read_text())[1]) / 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == 'darwin'
                                                                     else 1024)


class Worker:
    def __init__(self, name, folder):
        self.name, self.folder, self.workload = name, folder, folder.name
        # {'method' or 'floor': (call, times per repetition, part of the work in one)}
        self.calls = {}

    def load(self):
        with np.load(self.folder / 'rows.npz') as data:
            self.xs, expected = data['xs'], data['outputs']
        self.side = SIDES[self.name](self.folder)
        found = np.asarray(self.side.outputs(self.xs), float)
        expected = expected[:, TARGET:TARGET + 1] if found.shape[1] == 1 else expected
        off = np.abs(found - expected).max() / np.abs(expected).max()
        return {'versions': {p: version(p) for p in self.side.packages}, 'outputs off': float(off)}

    def prepare(self, request):
        """Warm-up, memory and attributions."""
        self.calls.pop('method', None)
        self.side.batch = request.get('batch')
        call, setting = self.side.method(request['method'], self.workload, self.xs[:request['rows']])
        found = []
        for _ in range(2):
            reset_peak()
            start = time.perf_counter()
            attributions = call()
            found = [time.perf_counter() - start, peak()]
            if found[0] > request['long']:
                break
        np.save(request['file'], attributions)
        return self._keep('method', call, found[0], 1) | {'memory': found[1], 'setting': setting}

    def floor(self, request):
        call, part, setting = floor(self.side, self.xs[:request['rows']], *request['evaluations'])
        return self._keep('floor', call, timed(call), part) | {'setting': setting}

    def _keep(self, what, call, seconds, part):
        times = max(1, min(50, math.ceil(SHORT / seconds)))
        self.calls[what] = call, times, part
        return {'seconds': seconds * times, 'call': seconds / part}

    def time(self, request):
        call, times, part = self.calls[request['what']]
        start = time.perf_counter()
        for _ in range(times):
            call()
        return {'ms': 1e3 * (time.perf_counter() - start) / times / part}


def main(name, folder):
    answers = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)                               # what libraries print
    worker = Worker(name, folder)
    for line in itertools.chain([''], sys.stdin):
        try:
            request = json.loads(line) if line else None
            answer = getattr(worker, request['do'])(request) if request else worker.load()
        except Exception as e:
            traceback.print_exc()
            # an error inside a tf.function: its last line is the error itself
            lines = str(e).strip().splitlines() or ['']
            answer = {'error': f'{type(e).__name__}: {lines[0]}' if len(lines) < 3 else lines[-1].strip()}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == '__main__':
    main(sys.argv[1], Path(sys.argv[2]))
