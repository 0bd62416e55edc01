"""Attributions of the networks of completeness.py by another library, in an environment that has it: run by
completeness.py --peers.

python completeness_peers.py shap|captum FOLDER: for each network in FOLDER (NUMBER.npz: rows, baseline,
expected outputs and weights of a Keras model) one line of JSON with its attributions' sums, or with the
error.
"""

import json
import sys
import traceback
from importlib.metadata import version
from pathlib import Path

import numpy as np

# outputs of the two models, relative to the largest: float32 in deep networks with random weights
AGREE = 1e-3


def shap(key, seed, data):
    """(outputs, attributions) by DeepExplainer, with the baseline as the only background row."""
    import completeness_models
    from shap import DeepExplainer
    model = completeness_models.build(key, seed)[0]
    model.set_weights(weights(data))
    explainer = DeepExplainer(model, data['baseline'][None])
    found = explainer.shap_values(data['xs'], check_additivity=False)
    return np.asarray(model(rows(data))), np.asarray(found)


def captum(key, seed, data):
    import completeness_torch
    import torch
    from captum.attr import DeepLift
    model = completeness_torch.build(key, weights(data))
    if model is None:
        return None
    model.eval()
    with torch.no_grad():
        outputs = model(torch.tensor(rows(data))).numpy()
    baseline = torch.tensor(data['baseline'][None])
    return outputs, DeepLift(model).attribute(torch.tensor(data['xs']), baseline, target=0).detach().numpy()


def weights(data):
    return [data[f'w{k}'] for k in range(sum(name.startswith('w') for name in data))]


def rows(data):
    return np.concatenate([data['xs'], data['baseline'][None]])


def measured(outputs, attributions, expected):
    """What is kept of an answer: per row the sum of attributions and of their sizes, and the outputs, that of
    the baseline last."""
    off = np.abs(outputs[:, 0] - expected).max() / np.abs(expected).max()
    if not off < AGREE:
        return {'error': f'error: outputs differ by {off:.0e}'}
    flat = np.asarray(attributions, float).reshape(len(attributions), -1)
    return {'sums': flat.sum(1).tolist(), 'sizes': np.abs(flat).sum(1).tolist(),
            'outputs': outputs[:, 0].tolist()}


def answered(measure, key, seed, data):
    answer = measure(key, seed, data)
    return {'error': 'not ported'} if answer is None else measured(*answer, data['expected'])


def main(library, folder):
    measure = {'shap': shap, 'captum': captum}[library]
    names = ['shap', 'tensorflow', 'keras'] if library == 'shap' else ['captum', 'torch']
    print(json.dumps({'versions': {name: version(name) for name in names}}), flush=True)
    for job in json.loads((folder / 'jobs.json').read_text()):
        try:
            with np.load(folder / f'{job["number"]}.npz') as data:
                result = answered(measure, tuple(job['key']), job['seed'], dict(data))
        except Exception as e:
            traceback.print_exc()
            # an error inside a tf.function: its last line is the error itself
            lines = str(e).strip().splitlines()
            result = {'error': f'error: {type(e).__name__}: {lines[0]}' if len(lines) < 3
                      else f'error: {lines[-1].strip()}'}
        print(json.dumps({'key': job['key'], **result}), flush=True)


if __name__ == '__main__':
    main(sys.argv[1], Path(sys.argv[2]))
