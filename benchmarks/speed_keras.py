"""The sides of speed.py on Keras models: SHAP and Xplique."""

import json

import keras
import numpy as np
from speed_rates import method_batch
from speed_workloads import CELLS, DESIGN, MASKS, SAMPLES, STEPS, TARGET, WORKLOADS, layer


def loaded(folder):
    return keras.models.load_model(folder / 'model.keras')


class Shap:
    """SHAP's DeepExplainer, one row of background, on a model with the target as its only output."""
    packages = 'shap', 'tensorflow', 'keras'

    def __init__(self, folder):
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
        self.described = json.loads((folder / 'layers.json').read_text())

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
        signed = {'reducer': None}
        kind, options = {
            'saliency': (attributions.Saliency, signed), 'grad*input': (attributions.GradientInput, signed),
            'intgrad': (attributions.IntegratedGradients, {**signed, 'steps': STEPS}),
            'occlusion': (attributions.Occlusion, {'patch_size': patch, 'patch_stride': patch}),
            'smoothgrad': (attributions.SmoothGrad, {**signed, 'nb_samples': SAMPLES}),
            'guided_backprop': (attributions.GuidedBackprop, signed),
            'deconvnet': (attributions.DeconvNet, signed),
            'grad_cam': (attributions.GradCAM, {}), 'grad_cam++': (attributions.GradCAMPP, {}),
            'rise': (attributions.Rise, {'nb_samples': MASKS, 'grid_size': CELLS}),
            'lime': (attributions.Lime, self._cells(xs)),
            'kernel_shap': (attributions.KernelShap, self._cells(xs)),
            'sobol': (attributions.SobolAttributionMethod, {'grid_size': CELLS, 'nb_design': DESIGN}),
            'hsic': (attributions.HsicAttributionMethod, {'grid_size': CELLS, 'nb_design': MASKS})}[name]
        if name in ('grad_cam', 'grad_cam++'):
            options = {'conv_layer': layer(self.described)}
        explainer = kind(self.model, batch_size=batch, **options)
        x, target = self.tf.constant(xs), self.tf.one_hot(np.full(len(xs), TARGET), 10)
        return lambda: np.asarray(explainer.explain(x, target)), {'batch_size': batch}

    def _cells(self, xs):
        """Features of LIME and KernelSHAP: the cells of a grid, absent ones 0."""
        if xs.ndim != 4:
            return {}
        height, width = (np.arange(s) * CELLS // s for s in xs.shape[1:3])
        labels = self.tf.constant(height[:, None] * CELLS + width, self.tf.int32)
        return {'nb_samples': MASKS, 'map_to_interpret_space': lambda x: labels,
                'ref_value': np.zeros(xs.shape[-1], np.float32)}
