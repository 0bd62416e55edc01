"""The completeness gap of DeepLIFT, by this library and, with --peers, by SHAP's DeepExplainer and Captum's
DeepLift.

For networks of completeness_models.py with random weights: |sum of attributions - (f(x) - f(baseline))|,
relative to max(1, |f(x) - f(baseline)|) and to the sum of |attributions|, the largest over the rows. Writes
benchmarks/completeness.json and docs/completeness.md. The peers live in environments of their own, made on
first use.
"""

import argparse
import json
import platform
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path

import completeness_models
import numpy as np
import peers
import tensorflow as tf
from completeness_peers import AGREE, measured

from deepexplain2 import DeepExplain, __version__

HERE = Path(__file__).resolve().parent
PROMISE = 1e-4
LIBRARIES = ['deepexplain2', 'shap', 'captum']
HEADINGS = {'deepexplain2': 'deepexplain2', 'shap': 'SHAP DeepExplainer', 'captum': 'Captum DeepLift',
            'f': 'f itself in float32'}
TITLES = {
    'MLP': 'MLP: dense 16, activation, dense 12, activation, dense 1',
    'CNN': 'CNN: convolution, activation, max pooling, dense 16, activation, dense 1',
    'sequence': 'Sequences: Keras layers, then dense 1',
    'application': 'keras.applications, float32, one logit, images of 32 x 32 (InceptionV3: 75 x 75)',
    'float64 application': 'keras.applications, float64',
}
TEXT = '''# The completeness gap of DeepLIFT

DeepLIFT promises that the attributions of a row sum to f(x) - f(baseline). The tables show by how much \
they do not, in networks with
random weights and random baselines: the gap relative to max(1, |f(x) - f(baseline)|) / relative to the sum \
of |attributions|, each the
largest over {rows}. Where the first is {promise:.0e} or more it is **bold**. What is left where nothing is \
missing is rounding, which
grows with the depth of a network and with how much positive and negative attributions cancel; the second \
number is free of the latter.
Deep networks with random weights amplify rounding so much that f(x) - f(baseline) itself is off: the \
column *f itself* has the error of
Keras in float32, measured in the same way against Keras in float64. The last table shows the attributions \
of such networks in float64.

Every Keras activation is there with its defaults (`threshold`: above 0.1, else 0). f is what each library \
evaluates itself; all agree
with the Keras model to {agree:.0e} of the largest output. The networks of Captum are ports to torch with \
the same weights; *not ported*:
torch has no module for it, or there is no port here. SHAP gets the Keras model, the baseline as its only \
background row, and no
additivity check, which would raise from a gap of 0.01 on. *error*: what was raised instead of attributions.

{versions}. To reproduce:

```
python benchmarks/completeness.py{peers}
```

'''


def gaps(result):
    """The largest over the rows, of what `measured` returns."""
    if 'error' in result:
        return {'error': result['error']}
    sums, sizes, outputs = (np.asarray(result[name], float) for name in ('sums', 'sizes', 'outputs'))
    change = outputs[:-1] - outputs[-1]
    gap = np.abs(sums - change)
    some = sizes > 1e-6                     # where f does not change attributions are rounding alone
    return {'relative_gap': (gap / np.maximum(1, np.abs(change))).max(),
            'gap_of_attributions': (gap[some] / sizes[some]).max(initial=0),
            'warnings': result.get('warnings', [])}


def explained(model, xs, baseline):
    """What the peers' workers print, by deepexplain2."""
    rows = np.concatenate([xs, baseline[None]])
    expected = np.asarray(model(rows), float)[:, 0]
    try:
        with warnings.catch_warnings(record=True) as caught, DeepExplain.from_keras(model) as de:
            warnings.simplefilter('always')
            found = de.explain('deeplift', de.outputs[0], de.inputs[0], xs, baseline=baseline)
            outputs = de.session.run(de.outputs[0], {de.inputs[0]: rows})
    except Exception as e:
        return {'error': f'error: {type(e).__name__}: {e}', 'expected': expected}
    names = {w.category.__name__ for w in caught if w.category.__module__ == 'deepexplain2.errors'}
    return {**measured(outputs, found, expected), 'warnings': sorted(names), 'expected': expected}


def rounding(model, key, seed, xs, baseline, sizes):
    """The change of f in float32 in the place of the sums, beside that in float64."""
    exact = completeness_models.build((f'float64 {key[0]}', key[1]), seed)[0]
    exact.set_weights(model.get_weights())
    rows = np.concatenate([xs, baseline[None]])
    outputs = np.asarray(model(rows), float)[:, 0]
    return {'sums': outputs[:-1] - outputs[-1], 'sizes': sizes,
            'outputs': np.asarray(exact(rows.astype(float)))[:, 0]}


def ask(library, folder):
    """(versions, {key: result}) by the worker, whose lines arrive one by one: what it did not reach has no
    result."""
    with (folder / f'{library}.log').open('w') as log, \
            peers.start(peers.environment(library), 'completeness_peers.py', library, folder,
                        stderr=log) as worker:
        versions, found = {}, {}
        for line in worker.stdout:
            if not line.startswith('{'):
                continue                    # what a library prints
            answer = json.loads(line)
            if 'versions' in answer:
                versions = answer['versions']
            else:
                key = tuple(answer.pop('key'))
                found[key] = gaps(answer)
                print(f'{library:14}{" ".join(key):34} {cell(found[key])}', flush=True)
    return versions, found


def measure(keys, seed, libraries):
    """({library: versions}, {key: {library: result}})."""
    versions = {'deepexplain2': {'deepexplain2': __version__, 'tensorflow': tf.__version__,
                                 'keras': version('keras')}}
    results = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, key in enumerate(keys):
            model, xs, baseline = completeness_models.build(key, seed)
            answer = explained(model, xs, baseline)
            results[key] = {'deepexplain2': gaps(answer)}
            print(f'{"deepexplain2":14}{" ".join(key):34} {cell(results[key]["deepexplain2"])}', flush=True)
            if key[0] == 'application' and 'error' not in answer:
                results[key]['f'] = gaps(rounding(model, key, seed, xs, baseline, answer['sizes']))
            np.savez(folder / f'{number}.npz', xs=xs, baseline=baseline, expected=answer['expected'],
                     **{f'w{k}': w for k, w in enumerate(model.get_weights())})
            tf.keras.backend.clear_session()
        (folder / 'jobs.json').write_text(json.dumps([{'number': n, 'key': key, 'seed': seed} for n,
                                                      key in enumerate(keys)]))
        for library in libraries[1:]:
            versions[library], found = ask(library, folder)
            for key in keys:
                results[key][library] = found.get(key, {'error': 'error: the process ended'})
    return versions, results


def is_complete(result):
    return 'error' not in result and result['relative_gap'] < PROMISE


def cell(result):
    """A result as text."""
    if 'error' in result:
        text = ' '.join(result['error'].split()).replace('|', '/')
        return text if len(text) <= 110 else f'{text[:107]}...'
    text = f'{result["relative_gap"]:.0e} / {result["gap_of_attributions"]:.0e}'
    return ', '.join([text if is_complete(result) else f'**{text}**', *result.get('warnings', [])])


def tables(results, libraries):
    for kind, title in TITLES.items():
        keys = [key for key in results if key[0] == kind]
        if keys:
            columns = libraries + ['f'] * any('f' in results[key] for key in keys)
            cells = {key: {name: cell(results[key][name]) if name in results[key] else ''
                           for name in columns} for key in keys}
            complete = [sum(is_complete(results[key][name]) for key in keys) for name in libraries]
            yield f'## {title}\n\n| | ' + ' | '.join(HEADINGS[name]
                                                     for name in columns) + ' |\n|' + '---|' * (len(columns)
                                                                                                + 1)
            yield from (f'| {key[1]} | ' + ' | '.join(cells[key].values()) + ' |' for key in keys)
            yield f'| **complete, of {len(keys)}** | ' + ' | '.join(
                f'**{n}**' for n in complete) + ' |' * (1 + len(columns) - len(libraries)) + '\n'


def document(versions, results, libraries):
    named = {name: number for found in versions.values() for name, number in found.items()}
    text = TEXT.format(rows='8 rows (applications: 3)', promise=PROMISE, agree=AGREE,
                       versions=', '.join(f'{name} {number}' for name, number in named.items())
                       + f', Python {platform.python_version()}',
                       peers=' --peers' if len(libraries) > 1 else '')
    return text + '\n'.join(tables(results, libraries))


def save(path, versions, results):
    entries = [{'kind': kind, 'network': network, 'library': library, **result}
               for (kind, network), found in results.items() for library, result in found.items()]
    path.write_text(json.dumps({'versions': versions, 'promise': PROMISE, 'results': entries}, indent=1)
                    + '\n')


def load(path):
    """What `save` has written: (versions, results)."""
    saved, results = json.loads(path.read_text()), {}
    for entry in saved['results']:
        results.setdefault((entry.pop('kind'), entry.pop('network')), {})[entry.pop('library')] = entry
    return saved['versions'], results


def main(options):
    keys = [key for key in completeness_models.MODELS if not options.only or set(key) & set(options.only)]
    libraries = LIBRARIES if options.peers else LIBRARIES[:1]
    versions, results = measure(keys, options.seed, libraries)
    if options.only and options.json.exists():
        old_versions, old = load(options.json)
        if old_versions == versions:
            results = {key: results.get(key, old.get(key)) for key in completeness_models.MODELS
                       if key in results or key in old}
    save(options.json, versions, results)
    options.markdown.write_text(document(versions, results, libraries))


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--peers', action='store_true', help='measure SHAP and Captum too')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--only', nargs='+', help='kinds or names of networks; what the JSON has of others, '
                                                  'by the same versions, stays')
    parser.add_argument('--json', type=Path, default=HERE / 'completeness.json')
    parser.add_argument('--markdown', type=Path, default=HERE.parent / 'docs' / 'completeness.md')
    main(parser.parse_args())
