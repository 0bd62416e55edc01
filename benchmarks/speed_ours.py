"""The sides of speed.py with deepexplain2."""

import json

import numpy as np
from speed_workloads import (
    BLACK_BOX,
    CELLS,
    DESIGN,
    HIGH,
    LAYER_INTEGRALS,
    LAYERS,
    LOW,
    MASKS,
    SAMPLES,
    STEPS,
    TARGET,
    WORKLOADS,
    layer,
)

EPSILON = 1e-4                  # of elrp


class Ours:
    """deepexplain2, with what it chooses itself; and the raw session.run of the same graph."""
    packages = 'deepexplain2', 'tensorflow', 'keras'
    jit_compile = False

    def __init__(self, folder):
        import keras
        import tensorflow as tf

        from deepexplain2 import DeepExplain
        self.de = DeepExplain.from_keras(keras.models.load_model(folder / 'model.keras')).__enter__()
        self.X, self.T = self.de.inputs[0], self.de.outputs[0]
        session, T, X = self.de.session, self.T, self.X
        between = []
        if len(X.shape) == 4:
            self.layer = layer(json.loads((folder / 'layers.json').read_text()))
            between = [self.de.tensor(self.layer)]
        # tf.gradients changes loops: a graph of its own
        if any('While' in op.type for op in self.de.graph.get_operations()):
            with tf.Graph().as_default() as graph:
                T, X = tf.graph_util.import_graph_def(self.de.graph.as_graph_def(),
                                                      return_elements=[T.name, X.name], name='')
            session = tf.compat.v1.Session(graph=graph)
        with session.graph.as_default():                    # before the session has run
            gradients = tf.gradients(T[:, TARGET], [X, *between])
        self._raw = {name: session.make_callable([fetch], [X])
                     for name, fetch in zip(('value', 'gradient', 'layer gradient'), (T, *gradients))}

    def outputs(self, xs):
        return self._raw['value'](xs)[0]

    def method(self, name, workload, xs):
        w = WORKLOADS[workload]
        parameters = {'intgrad': {'steps': STEPS}, 'elrp': {'epsilon': EPSILON},
                      'occlusion': {'window_shape': w.window, 'step': w.window},
                      'shapley_sampling': {'samples': 1, 'sampling_dims': list(w.players)},
                      'smoothgrad': {'samples': SAMPLES},
                      'lrp epsilon_gamma_box': {'low': LOW, 'high': HIGH}}.get(name, {})
        if name in BLACK_BOX:
            parameters = self._masks(name)
            name = name.partition(' ')[0]
        name, _, composite = name.partition(' ')
        parameters |= {'composite': composite} if composite else {}
        if name in LAYERS or name == 'guided_grad_cam':
            parameters |= {'layer': self.layer}
        if name in LAYER_INTEGRALS:
            parameters |= {'steps': STEPS}
        explainer = self.de.get_explainer(name, self.T, self.X, self.jit_compile, **parameters)
        ys = np.full(len(xs), TARGET)
        return lambda: explainer.run(xs, ys), {'rows per run': explainer.plan(len(xs)).rows}

    def _masks(self, name):
        """The parameters of methods on the cells of a grid: as many evaluations for all."""
        from deepexplain2.features import Grid
        if name == 'rise':
            return {'samples': MASKS, 'grid': CELLS}
        samples = {'occlusion cells': {}, 'sobol': {'samples': DESIGN}, 'kernel_shap': {'samples': MASKS - 2}}
        return {'features': Grid(CELLS)} | samples.get(name, {'samples': MASKS})

    def raw(self, kind, xs):
        return lambda: self._raw[kind](xs)


class Compiled(Ours):
    """deepexplain2 with jit_compile."""
    jit_compile = True
