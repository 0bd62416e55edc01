"""docs/benchmarks.md and docs/benchmarks.png from benchmarks/results.json."""

import numpy as np
from speed_workloads import METHODS, STEPS, WORKLOADS, evaluations

PEERS = {'captum': 'Captum', 'shap': 'SHAP', 'xplique': 'Xplique'}
OTHERS = {'compiled': 'jit_compile', **PEERS}
COLORS = {'deepexplain2': 'tab:red', 'compiled': 'tab:pink', 'captum': 'tab:blue', 'shap': 'tab:green',
          'xplique': 'tab:orange'}
TEXT = '''# Speed and memory

How long each method takes, and how much memory, beside the raw `session.run` that it cannot do without \
(the *floor*), and beside Captum, SHAP's
DeepExplainer and Xplique on the same networks with the same weights. Written by `benchmarks/speed.py`; \
every number is one of
`benchmarks/results.json`. To reproduce (the peers come from PyPI, into environments of their own, on first \
use):

```
make benchmark                              # about 45 minutes on 2 idle cores
make benchmark ARGUMENTS=--quick            # about 5 minutes: fewer repetitions, rows and networks
make benchmark ARGUMENTS="--only mnist"     # one workload; the results of the others stay
```

{machine}

{versions}

## How it is measured

- Every library runs in a process of its own, with the threads that it chooses itself, and is asked in turn \
for one repetition: a slow moment of the
  machine falls on all. Times are medians, with quartiles, of 3 to 15 repetitions after a warm-up, which \
builds and traces; of what takes long, of
  fewer, down to the warm-up itself. A call that takes less than 20 ms is repeated within one repetition.
- The **floor**: gradients or values of the same rows by `session.run` (`make_callable`), in our process \
and session, at the batch size that gave
  most rows per second, times the evaluations that the method cannot do without: 1 gradient per row; \
{steps} for intgrad; windows + 1 or players + 1
  values for occlusion and shapley_sampling. Floors of more than about a second are measured in part.
- All explain one output of the network, against a baseline of 0, with {steps} steps, the same windows, the \
same players and one permutation, elrp
  with epsilon = 1e-4. Ours runs with its defaults, the batch size among them.
- *jit_compile* is ours with that option, after XLA has compiled. Convolutions of images by XLA take many \
times as long on a CPU, so that
  little of such networks is measured with it.
- The peers get the batch size that gave most rows per second in the raw network, where they take one \
(`internal_batch_size`,
  `perturbations_per_eval`, `batch_size`). Torch networks are channels first, with a module for every layer \
and activation, as Captum asks for;
  Captum's LRP has its epsilon rule at every layer that has one and at Conv1d; waiting threads of torch \
spin for 0.2 ms only, so that they do not
  hold a core that another process wants. SHAP gets a network with the explained output alone, and one row \
of background.
- Outputs are compared first: a library whose outputs differ by more than 1e-3 of the largest is not \
measured. *Difference* is the largest of the
  attributions from ours, relative to our largest. It is no error where definitions differ: max pooling in \
DeepLIFT, the quadrature of
  Xplique, biases and normalization in LRP, and what a peer has no rule for.
- Memory is the largest resident memory of the process during a call, the library, TensorFlow or torch, and \
the network included; measured before the
  times, with the batch size that ours chooses on all sides.
'''


def collected(saved):
    """{(workload, rows, method): {side: result}}."""
    found = {}
    for workload in WORKLOADS:
        for entry in saved['workloads'].get(workload, {}).get('results', []):
            found.setdefault((workload, entry['rows'], entry['method']), {})[entry['side']] = entry
    return found


def median(result):
    return result['ms'][1] if result and 'ms' in result else None


def ratio(results, a, b):
    x, y = median(results.get(a)), median(results.get(b))
    return x / y if x and y else None


def label(key):
    return f'{WORKLOADS[key[0]].title}, {key[1]} row{"s" * (key[1] > 1)}'


def number(x):
    return '' if x is None else f'{x:.0f}' if x >= 100 else f'{x:.3g}'


def rows_of(header, rows):
    return ['| ' + ' | '.join(header) + ' |', '|' + '---|' * len(header), *('| ' + ' | '.join(map(str, row))
                                                                            + ' |' for row in rows), '']


def summary(keys, found, a, b):
    """[number, median, geometric mean, largest, where] of the ratios."""
    ratios = {key: r for key in keys if (r := ratio(found[key], a, b))}
    if not ratios:
        return None
    values, worst = list(ratios.values()), max(ratios, key=ratios.get)
    return [len(values), number(np.median(values)), number(np.exp(np.mean(np.log(values)))),
            number(ratios[worst]), label(worst)]


BEHIND = '''Where ours is behind, and why:

- Recurrent layers. TensorFlow runs a loop of single ops, with lists of what the way back needs, where \
torch has one fused kernel: the floor itself is
  several times slower than Captum. `jit_compile=True` makes one machine loop of it, see below. (Captum's \
DeepLift of an LSTM is its plain
  gradient, see the difference.)
- DeepLIFT in small convolutional networks and in loops. Where the gradient of a ReLU is one pass over \
memory the rule is seven, two of them against
  infinities, and where that of a max pooling is one way back the rule is three; TensorFlow does not fuse \
them. Large convolutions and dense
  layers hide that.
- Single rows of small networks, where making the inputs of occlusion and shapley_sampling in NumPy shares \
the cores with the network.
'''


def targets(found):
    header = ['method', 'beside', 'cases', 'median', 'geometric mean', 'largest', 'where']
    work = {'intgrad': f'{STEPS} raw gradients', 'occlusion': 'its values', 'shapley_sampling': 'its values'}
    rows = []
    for other in ['floor', *PEERS]:
        for method in METHODS:
            line = summary([key for key in found if key[2] == method], found, 'deepexplain2', other)
            if line:
                rows.append([method, work.get(method, '1 raw gradient') if other == 'floor' else PEERS[other],
                             *line])
        line = summary(found, found, 'deepexplain2', other)
        if line and other in PEERS:
            rows.append(['**all**', f'**{PEERS[other]}**', *line])
    return ['## Summary', '', 'Our time divided by that of the other: below 1 ours is faster.', '',
            *rows_of(header, rows), *BEHIND.splitlines(), '',
            *compiled(found)]


def compiled(found):
    """What jit_compile changes, network by network."""
    rows = []
    for case in dict.fromkeys(key[:2] for key in found):
        lines = {other: summary([key for key in found if key[:2] == case], found, 'compiled', other)
                 for other in ('deepexplain2', 'floor', 'captum')}
        if lines['deepexplain2']:
            rows.append([label(case), lines['deepexplain2'][0], *(line[2] if line else ''
                                                                  for line in lines.values())])
    return ['With `jit_compile=True`, geometric means over the methods:', '',
            *rows_of(['network', 'methods', 'beside the default', 'beside the floor', 'beside Captum'],
                     rows)] if rows else []


def table(workload, saved, found):
    """The results of one workload."""
    keys = [key for key in found if key[0] == workload]
    present = [other for other in OTHERS if any(other in found[key] for key in keys)]
    header = ['rows', 'method', 'ms (quartiles)', '/ floor',
              *(h for peer in present for h in (f'{OTHERS[peer]} ms', '/ it')),
              'MB', *(f'{OTHERS[peer]} MB' for peer in present), *(f'difference {OTHERS[peer]}'
                                                                   for peer in present)]
    rows, errors = [], {}
    for key in keys:
        results = found[key]
        for side, result in results.items():
            if 'error' in result:
                errors.setdefault((side, key[2], result['error']), []).append(key[1])
        ours = results.get('deepexplain2', {})
        spread = f' ({number(ours["ms"][0])}–{number(ours["ms"][2])})' if 'ms' in ours else ''
        row = [key[1], key[2], number(median(ours)) + spread, number(ratio(results, 'deepexplain2', 'floor'))]
        for peer in present:
            row += ['error' if 'error' in results.get(peer, {}) else number(median(results.get(peer))),
                    number(ratio(results, 'deepexplain2', peer))]
        row += [number(results.get(side, {}).get('memory')) for side in ['deepexplain2', *present]]
        row += ['' if (d := results.get(peer, {}).get('difference')) is None else f'{d:.0e}'
                for peer in present]
        rows.append(row)
    off = saved['workloads'][workload]['outputs off']
    work = {m: evaluations(workload, m)[1] for m in ('occlusion', 'shapley_sampling')}
    lines = [f'### {WORKLOADS[workload].title}', '', f'Values per row: occlusion {work["occlusion"]}, '
                                                     f'shapley_sampling {work["shapley_sampling"]}. '
             'Outputs differ from those of Keras by: '
             + ', '.join(f'{side} {v if isinstance(v, str) else format(v, ".0e")}' for side,
                         v in off.items()) + '.', '']
    lines += rows_of(header, rows)
    lines += [f'- {OTHERS.get(side, side)}, {method}, {"/".join(map(str, some))} rows: '
              f'`{" ".join(error.split())[:160]}`'
              for (side, method, error), some in errors.items()]
    return [*lines, '']


def flat(values):
    return f'{max(values) / min(values) - 1:.1%}'


def overhead(found):
    rows = [[WORKLOADS[name].title, *(number(t[what][1]) for what in ('run', 'callable', 'session.run')),
             f'{t["run"][1] - t["callable"][1]:.2f}', f'{t["run"][1] - t["session.run"][1]:.2f}'] for name,
            t in found.items()]
    return rows_of(['one row, saliency', '`explainer.run`, ms', 'callable', '`session.run`',
                    'more than the callable', 'than `session.run`'], rows)


def steps(found):
    rows = [[name, *('more than 2048' if n is None else n for n in fewest.values())] for name,
            fewest in found['steps'].items()]
    return [f'A CNN trained on real digits ({found["accuracy"]:.1%} of the test digits right), '
            f'{found["rows"]} digits, logit of the class, '
            'baseline 0: the fewest gradients per row (to 5 %) that leave a gap of at most 1 % of f(x) - '
            'f(0).', '',
            *rows_of(['quadrature of intgrad', 'in the mean', 'in 95 % of the digits'], rows)]


def memory(found):
    rows = [[method, ', '.join(peaks), ', '.join(number(p) for _, p in peaks.values()),
             ', '.join(number(p - b) for b, p in peaks.values()),
             flat([p for _, p in peaks.values()])] for method, peaks in found.items()]
    return ['One image of 224x224x3, a small CNN, `batch_size=16`; occlusion with windows of 1x1, fewer '
            'where the step is larger.', '',
            *rows_of(['method', 'evaluations', 'peak memory, MB', 'of it by the call',
                      'largest above the smallest peak'], rows)]


def stream(found):
    return [f'{found["rows"]:,} rows through `explainer.stream` (saliency, MLP, a generator of batches of '
            f'2000): '
            f'{found["rows"] / found["seconds"]:,.0f} rows per second; resident memory, MB, in each tenth: '
            f'{", ".join(f"{r:.1f}" for r in found["resident"])} (the largest is {flat(found["resident"])} '
            f'above the smallest); ops in the '
            f'graph before and after: {found["ops before"]}, {found["ops after"]}.', '']


SPECIAL = {'overhead': ('The cost of a call', overhead), 'steps': ('Steps of intgrad', steps),
           'memory': ('Memory by the number of evaluations', memory), 'stream': ('A stream', stream)}


def document(saved):
    m, found = saved['machine'], collected(saved)
    versions = {name: v for entry in saved['workloads'].values() for side in ['xplique', 'shap', 'captum',
                                                                              'deepexplain2']
                for name, v in entry['versions'].get(side, {}).items()}
    other = {entry['versions']['xplique'].get('tensorflow') for entry in saved['workloads'].values()
             if 'xplique' in entry['versions']} - {None}
    entries = [*saved['workloads'].values(), *saved['special'].values()]
    modes, loads = sorted({entry['mode'] for entry in entries}), [entry['load'] for entry in entries]
    lines = [TEXT.format(
        steps=STEPS,
        machine=f'Machine: {m["cpu"]}, {m["cores"]} cores, {m["memory"]}, {m["system"]}; load average '
                f'{min(loads):.1f} to {max(loads):.1f} during '
                f'the run (more than 2 means other processes, which disturb it). The numbers below are of a '
                f'{" and a ".join(modes)} run of '
                f'{sum(entry.get("minutes", 0) for entry in entries):.0f} minutes.',
        versions=f'Versions: {", ".join(f"{k} {v}" for k, v in sorted(versions.items()))}, Python '
                 f'{m["python"]}'
                 + ''.join(f'; Xplique with tensorflow {v}' for v in other - {versions.get('tensorflow')})
                         + '.')]
    if any(median(r.get('floor')) for r in found.values()):
        lines += ['![Times of all libraries as multiples of the floor](benchmarks.png)', '',
                  '*Times as multiples of the floor: medians, bars from quartile to quartile.*', '']
    lines += targets(found) if found else []
    lines += ['## More', '']
    for name, (title, written) in SPECIAL.items():
        result = saved['special'].get(name)
        if result:
            lines += [f'### {title}', '', *([f'`{result["error"]}`', ''] if 'error' in result
                                            else written(result['found']))]
    lines += ['## All results', '', '*/ floor*, */ it*: our time divided by that of the floor, or of the '
                                    'library to the left.', '']
    for workload in WORKLOADS:
        if workload in saved['workloads']:
            lines += table(workload, saved, found)
    return '\n'.join(lines).rstrip() + '\n'


def plot(saved, path):
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt
    found = collected(saved)
    cases = list(dict.fromkeys(key[:2] for key in found))
    figure, axes = plt.subplots(1, len(METHODS), figsize=(15, 1.6 + .28 * len(cases)), sharey=True)
    for axis, method in zip(axes, METHODS):
        for y, case in enumerate(cases):
            results = found.get((*case, method), {})
            unit = median(results.get('floor'))
            for k, (side, color) in enumerate(COLORS.items()):
                if unit and median(results.get(side)):
                    low, middle, high = np.array(results[side]['ms']) / unit
                    axis.errorbar(middle, y + .14 * (k - 2), xerr=[[middle - low], [high - middle]], fmt='o',
                                  color=color, markersize=3.5, lw=1)
        axis.axvline(1, color='black', linewidth=.8)
        axis.set_xscale('log')
        low, high = axis.get_xlim()
        axis.set_xticks([t for t in (.1, .3, 1, 3, 10, 30, 100, 300) if low < t < high], minor=False)
        axis.xaxis.set_major_formatter('{x:g}')
        axis.xaxis.set_minor_formatter('')
        axis.set_title(method, fontsize=10)
        axis.tick_params(labelsize=8)
        axis.grid(axis='y', linewidth=.3)
    axes[0].set_yticks(range(len(cases)), [label(case) for case in cases])
    axes[0].invert_yaxis()
    names = {'deepexplain2': 'deepexplain2', **OTHERS}
    axes[0].figure.legend([plt.Line2D([], [], marker='o', linestyle='', color=COLORS[n]) for n in names],
                          names.values(), loc='lower center', ncols=5,
                          frameon=False)
    figure.tight_layout(rect=(0, .05, 1, 1))
    figure.savefig(path, dpi=100)
    plt.close(figure)


def write(saved, docs):
    (docs / 'benchmarks.md').write_text(document(saved))
    if any(median(r.get('floor')) for r in collected(saved).values()):
        plot(saved, docs / 'benchmarks.png')
