"""How fast the library is, and how much memory it takes, beside raw session.run and beside Captum, SHAP and
Xplique.

Every library runs in a process of its own (speed_sides.py) on the same networks (speed_models.py). They are
asked in turn for one timed repetition each, so that a slow moment of the machine falls on all. Writes
benchmarks/results.json as it goes, then docs/benchmarks.md and docs/benchmarks.png. The peers live in
environments of their own, made on first use.
"""

import argparse
import fnmatch
import json
import os
import platform
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import peers
import speed_report
from speed_process import ENVIRONMENT, Mode, Side, interpreter
from speed_special import MEASUREMENTS
from speed_workloads import BLACK_BOX, CORE, LRP, METHODS, WORKLOADS, evaluations, left_out

SIDES = ['deepexplain2', 'compiled', 'captum', 'zennit', 'shap', 'xplique']
TAKES = {'deepexplain2': METHODS, 'compiled': CORE, 'shap': ['deeplift'], 'zennit': LRP,
         'captum': [m for m in METHODS if m not in ('grad_cam++', *LRP, 'rise', 'sobol', 'hsic')],
         'xplique': ['saliency', 'grad*input', 'intgrad', 'occlusion', 'smoothgrad', 'guided_backprop',
                     'deconvnet', 'grad_cam', 'grad_cam++', *BLACK_BOX[1:]]}
AGREE = 1e-3                    # outputs, relative to the largest


def machine():
    cpuinfo, meminfo = Path('/proc/cpuinfo'), Path('/proc/meminfo')
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    name = next((line.split(':')[1].strip() for line in lines if line.startswith('model name')), '')
    memory = f'{int(meminfo.read_text().split()[1]) / (1 << 20):.0f} GB' if meminfo.exists() else ''
    return {'cpu': name or platform.processor(), 'cores': os.cpu_count(), 'memory': memory,
            'system': f'{platform.system()} {platform.release()}',
            'python': platform.python_version()}


def about(mode):
    """What is said of every measurement. load: the load average when it begins, which other processes
    raise."""
    return {'mode': mode.name, 'load': os.getloadavg()[0]}


def quartiles(values):
    return [float(q) for q in np.percentile(values, [25, 50, 75])]


def difference(file, ours, method, workload):
    """The largest difference of attributions, relative to the largest of ours; None where the definitions
    differ."""
    if method in ('shapley_sampling', 'smoothgrad', *BLACK_BOX[1:]):        # other permutations, noise, masks
        return None
    a, b = np.load(ours), np.load(file)
    # the drop of a window, which the others give whole to every feature of it
    if method == 'occlusion':
        a = a * np.prod(WORKLOADS[workload].window)
    a, b = np.broadcast_arrays(a, b)
    return float(np.abs(a - b).max() / np.abs(a).max())


def takes(name, workload, method):
    return method in TAKES[name] and (name != 'compiled' or method in WORKLOADS[workload].compiled)


def memory(workload, rows, method, sides, mode, folder):
    """{side: MB at the peak of a call}, all with the batch size that ours chooses; None where ours takes too
    long."""
    found, batch = {}, None
    for name, side in sides.items():
        if takes(name, workload, method):
            answer = side.ask('prepare', method=method, rows=rows, long=mode.long,
                              file=str(folder / f'{name}.npy'), batch=batch)
            found[name] = answer.get('memory')
            if name == 'deepexplain2':
                if answer.get('call', 0) > mode.longest:
                    return None
                batch = answer.get('setting', {}).get('rows per run')
    return found


def compare(workload, rows, method, sides, mode, folder):
    """{side: result} of one method: all prepared, then timed in turns."""
    ours, results, calls = sides.get('deepexplain2'), {}, {}
    if ours:
        results['floor'] = ours.ask('floor', rows=rows, evaluations=evaluations(workload, method))
        calls['floor'] = ours, 'floor'
    for name, side in sides.items():
        if takes(name, workload, method):
            results[name] = side.ask('prepare', method=method, rows=rows, long=mode.long,
                                     file=str(folder / f'{name}.npy'))
            calls[name] = side, 'method'
            if name != 'deepexplain2' and not {'error'} & {*results[name],
                                                           *results.get('deepexplain2', ['error'])}:
                results[name]['difference'] = difference(folder / f'{name}.npy', folder / 'deepexplain2.npy',
                                                         method, workload)
    calls = {name: call for name, call in calls.items() if 'error' not in results[name]}
    seconds = {name: results[name].pop('seconds') for name in calls}
    times = {name: [] for name in calls}
    for k in range(int(np.clip(mode.together / max(sum(seconds.values()), 1e-3), 3, 15))):
        for name in list(calls)[k % len(calls):] + list(calls)[:k % len(calls)]:
            if (k + 1) * seconds[name] <= mode.slow:        # what takes long is repeated less
                time.sleep(.005)                            # until the threads of the other library sleep
                answer = calls[name][0].ask('time', what=calls[name][1])
                times[name] += [answer['ms']] if 'ms' in answer else []
    for name in calls:
        warm = results[name].pop('call')
        times[name] = times[name] or [1e3 * warm]
        results[name] |= {'ms': quartiles(times[name]), 'repetitions': len(times[name])}
    return results


def measure(workload, methods, kept, names, mode, folder, log, save):
    """Some methods on a workload, saved one by one. kept: results of others."""
    start, found = time.perf_counter(), {**about(mode), 'versions': {}, 'outputs off': {}, 'results': kept}
    sides = {name: Side(name, folder, log, mode) for name in names}
    try:
        for name in names:
            answer = sides[name].answer()                   # all load at once
            found['versions'][name] = answer.get('versions', {})
            off = found['outputs off'][name] = answer.get('error', answer.get('outputs off'))
            if not (isinstance(off, float) and off < AGREE):
                print(f'{workload:12} {name}: {off}', flush=True)
                sides.pop(name).stop()
        cases = [(rows, method) for rows in WORKLOADS[workload].rows[:WORKLOADS[workload].quick
                                                                     if mode.name == 'quick' else None]
                 for method in methods if not left_out(workload, method, rows)]
        # first: trials of batch sizes leave memory behind
        peaks = {case: memory(workload, *case, sides, mode, folder) for case in cases}
        for rows, method in cases:
            if peaks[rows, method] is None:
                continue
            results = compare(workload, rows, method, sides, mode, folder)
            found['results'] += [{'rows': rows, 'method': method, 'side': side, **result,
                                  'memory': peaks[rows, method].get(side)}
                                 for side, result in results.items()]
            print(f'{workload:12}{rows:5} {method:17}' + '  '.join(f'{side} {r["ms"][1]:.3g} ms' if 'ms' in r
                                                                   else f'{side}: {r["error"][:60]}'
                                                                  for side, r in results.items()), flush=True)
            found['minutes'] = (time.perf_counter() - start) / 60
            save(workload, found)
    finally:
        for side in sides.values():
            side.stop()


def special(name, mode, log):
    """One of speed_special.py, in a process of its own."""
    start, found = time.perf_counter(), about(mode)
    with peers.start(sys.executable, 'speed_special.py', name, mode.name, stderr=log,
                     environment=ENVIRONMENT) as process:
        lines = process.communicate()[0].splitlines()
    found |= {'found': json.loads(lines[-1])} if process.returncode == 0 else {'error': f'ended with '
                                                                                        f'{process.returncode}'}
    return {**found, 'minutes': (time.perf_counter() - start) / 60}


def main(options):
    # a run that is cut, in the background too, writes what it has
    for number in signal.SIGINT, signal.SIGTERM:
        signal.signal(number, signal.default_int_handler)
    mode, start = Mode(options.quick), time.perf_counter()
    names = [name for name, w in WORKLOADS.items() if fnmatch.fnmatch(name, options.only)
             and (w.quick or not options.quick)]
    specials = [name for name in MEASUREMENTS if fnmatch.fnmatch(name, options.only)]
    some = (options.only, options.methods) != ('*', '*')
    saved = json.loads(options.json.read_text()) if options.json.exists() and some else {}
    if saved.get('machine') != machine():
        saved = {'machine': machine(), 'workloads': {}, 'special': {}}

    def save(workload, found):
        saved['workloads'][workload] = found
        options.json.write_text(json.dumps(saved, indent=1) + '\n')
    for name in options.sides:
        interpreter(name)
    with tempfile.TemporaryDirectory() as temporary, options.log.open('w') as log:
        folder = Path(temporary)
        try:
            for name in specials:
                saved['special'][name] = found = special(name, mode, log)
                print(f'{name:12} {found}', flush=True)
            if names:
                with peers.start(sys.executable, 'speed_models.py', folder, *names, stderr=log,
                                 environment=ENVIRONMENT) as process:
                    process.communicate()
            for name in names:
                methods = [m for m in METHODS if fnmatch.fnmatch(m, options.methods)]
                kept = [r for r in saved['workloads'].get(name, {}).get('results', [])
                        if r['method'] not in methods]
                measure(name, methods, kept, options.sides, mode, folder / name, log, save)
        finally:
            options.json.write_text(json.dumps(saved, indent=1) + '\n')
            speed_report.write(saved, options.docs)
    print(f'{(time.perf_counter() - start) / 60:.1f} minutes; see {options.docs / "benchmarks.md"}')


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--quick', action='store_true', help='few repetitions, nothing that takes long')
    parser.add_argument('--only', default='*', help='a pattern of names; what the JSON has of others stays: '
                        + ', '.join([*WORKLOADS, *MEASUREMENTS]))
    parser.add_argument('--methods', default='*', help='a pattern of methods; what the JSON has of others '
                                                       'stays: ' + ', '.join(METHODS))
    parser.add_argument('--sides', type=lambda s: s.split(','), default=SIDES, help=','.join(SIDES))
    parser.add_argument('--report', action='store_true', help='write the docs from the JSON again, measure '
                                                              'nothing')
    parser.add_argument('--json', type=Path, default=peers.HERE / 'results.json')
    parser.add_argument('--docs', type=Path, default=peers.HERE.parent / 'docs')
    parser.add_argument('--log', type=Path, default=peers.HERE / '.peers' / 'speed.log', help='what the '
                                                                                              'libraries '
                                                                                              'print')
    given = parser.parse_args()
    if given.report:
        speed_report.write(json.loads(given.json.read_text()), given.docs)
    else:
        main(given)
