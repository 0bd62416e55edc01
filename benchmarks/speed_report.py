"""docs/benchmarks.md and docs/benchmarks.png from benchmarks/results.json."""

import numpy as np
from speed_plot import plot
from speed_results import OTHERS, PEERS, collected, label, median, ratio
from speed_text import BEHIND, TEXT
from speed_workloads import BLACK_BOX, METHODS, STEPS, WORKLOADS, evaluations


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


def work(method):
    """What the floor of a method is."""
    kind, count = evaluations(next(iter(WORKLOADS)), method)
    if method in BLACK_BOX:
        return f'{count} values'
    place = 'layer' if kind == 'layer gradient' else 'raw'
    return 'its values' if kind == 'value' else f'{count} {place} gradient{"s" * (count > 1)}'


def targets(found):
    header = ['method', 'beside', 'cases', 'median', 'geometric mean', 'largest', 'where']
    rows = []
    for other in ['floor', *PEERS]:
        for method in METHODS:
            line = summary([key for key in found if key[2] == method], found, 'deepexplain2', other)
            if line:
                rows.append([method, work(method) if other == 'floor' else PEERS[other], *line])
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
    values = {m: evaluations(workload, m)[1] for m in ('occlusion', 'shapley_sampling')}
    lines = [f'### {WORKLOADS[workload].title}', '', f'Values per row: occlusion {values["occlusion"]}, '
                                                     f'shapley_sampling {values["shapley_sampling"]}. '
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


def write(saved, docs):
    (docs / 'benchmarks.md').write_text(document(saved))
    if any(median(r.get('floor')) for r in collected(saved).values()):
        plot(saved, docs / 'benchmarks.png')
