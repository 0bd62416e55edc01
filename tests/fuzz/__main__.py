"""python -m tests.fuzz --minutes 10 --seed 0: look for silent faults; print a minimal script for each, and end with 1 if there is one."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

AT_ONCE = 20                # cases of one process
SECONDS = 600               # a case that takes longer hangs
ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    parser = argparse.ArgumentParser(prog='fuzz', description=__doc__)
    parser.add_argument('--minutes', type=float, default=10)
    parser.add_argument('--seed', type=int, default=0, help='of the first case; the next case has the next seed')
    parser.add_argument('--kind', choices=['all', 'graph', 'model', 'dense'], default='all')
    parser.add_argument('--cases', type=int, default=None, help='end after so many')
    parser.add_argument('--worker', type=int, default=None, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker is not None:
        work(arguments.seed, arguments.worker, arguments.kind)
        return 0
    end, seed, counts, failures, cases = time.monotonic() + 60 * arguments.minutes, arguments.seed, Counter(), {}, 0
    while time.monotonic() < end and (arguments.cases is None or cases < arguments.cases):
        n = AT_ONCE if arguments.cases is None else min(AT_ONCE, arguments.cases - cases)
        done = batch(seed, n, arguments.kind, counts, failures, end)
        seed, cases = seed + done, cases + done
        print(f'{cases} cases, seeds {arguments.seed} to {seed - 1}, {len(failures)} kinds of failures', flush=True)
    print('\n'.join(f'{v:6d}  {k}' for k, v in sorted(counts.items())))
    print('\n'.join(f'FAILED {what}: seeds {", ".join(map(str, seeds))}' for what, seeds in failures.items()))
    return 1 if failures else 0


def batch(seed: int, n: int, kind: str, counts: Counter, failures: dict, end: float) -> int:
    """Run n cases in a process of their own; how many it came to."""
    command = [sys.executable, '-m', 'tests.fuzz', '--worker', str(n), '--seed', str(seed), '--kind', kind]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT,
                               env=os.environ | {'TF_CPP_MIN_LOG_LEVEL': '3', 'PYTHONPATH': str(ROOT)})
    done = 0
    assert process.stdout
    try:
        for line in process.stdout:
            if not line.startswith('{'):
                continue
            answer = json.loads(line)
            done += 1
            counts.update(answer['counts'])
            for what, script in answer['failures']:
                failures.setdefault(what, []).append(answer['seed'])
                print(f'\n# {"=" * 30} seed {answer["seed"]}: {what}\n{script}', flush=True)
            if time.monotonic() > end:
                break
    finally:
        process.terminate()
        process.wait()
    if done < n and time.monotonic() <= end:
        failures.setdefault('crash', []).append(seed + done)
        print(f'\n# {"=" * 30} seed {seed + done}: the process ended (exit code {process.returncode})', flush=True)
        done += 1
    return done


def work(seed: int, n: int, kind: str) -> None:
    from .checks import check
    from .dense import random_dense
    from .graphs import random_graph
    from .layers import random_model
    from .programs import shortened
    from .scripts import script
    makers = {'graph': random_graph, 'model': random_model, 'dense': random_dense}

    def ring(*_):
        raise TimeoutError(f'longer than {SECONDS} s')
    signal.signal(signal.SIGALRM, ring)
    for k in range(seed, seed + n):
        chosen = kind if kind != 'all' else 'dense' if k % 10 == 9 else ('graph', 'model')[k % 2]
        counts: Counter = Counter()
        answer: dict = {'seed': k, 'failures': []}
        program = makers[chosen](k)
        signal.alarm(SECONDS)
        try:
            found = {f.what: f for f in check(program, counts=counts)}
            for what, failure in list(found.items())[:1]:           # the others are most often the same fault
                end = time.monotonic() + 60
                signal.alarm(2 * SECONDS)
                small = shortened(program, lambda p, w=what: 'closed' not in w and bool(check(p, w)), lambda e=end: time.monotonic() > e)
                again = check(small, what)
                text = script(again[0] if again else failure)
                answer['failures'].append((what, ''.join(f'# also: {f.what}: {f.message[:200]!r}\n' for f in list(found.values())[1:]) + text))
        except TimeoutError as e:
            answer['failures'].append(('hang', f'{e}\n' + program.source('')))
        finally:
            signal.alarm(0)
        answer['counts'] = counts
        print(json.dumps(answer), flush=True)


if __name__ == '__main__':
    sys.exit(main())
