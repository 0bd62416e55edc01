"""One library in speed.py: a process that loads a workload and answers requests, one line of JSON each.

python speed_sides.py SIDE FOLDER prints what it has loaded. Requests: {"do": "prepare", "method": m, "rows":
n, "file": f, "long": seconds} and perhaps "batch"; {"do": "floor", "rows": n, "evaluations": [kind,
number per row]}; {"do": "time", "what": "method" or "floor"} for one timed repetition of what was prepared.
"""

import contextlib
import ctypes
import gc
import importlib
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
from speed_rates import floor, timed
from speed_workloads import TARGET

SHORT = .02                     # seconds: what takes less is repeated within one repetition
SIDES = {'deepexplain2': ('speed_ours', 'Ours'), 'compiled': ('speed_ours', 'Compiled'),
         'captum': ('speed_captum', 'Captum'), 'zennit': ('speed_captum', 'Zennit'),
         'shap': ('speed_keras', 'Shap'), 'xplique': ('speed_keras', 'Xplique')}


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
        module, kind = SIDES[self.name]
        self.side = getattr(importlib.import_module(module), kind)(self.folder)
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
