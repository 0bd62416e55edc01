"""How many rows in a call of the raw network give most rows per second, and the floor of a method."""

import math
import time

import numpy as np
from speed_workloads import evaluations

SIZES = 1, 4, 8, 16, 32, 64, 128, 256, 512, 1024        # rows in a call that are tried
LONG = 1.                       # seconds: larger calls are not tried, and floors measured for about as long


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
    kind, wanted = evaluations(workload, name)
    total = len(xs) * wanted
    kind = 'value' if kind == 'value' else 'gradient'       # peers differentiate down to X, or nearly
    return min(side.batch, total) if side.batch else best_batch(side, kind, xs, total)


def floor(side, xs, kind, wanted):
    """(call, how much of the method's evaluations it does, setting) by raw runs at the best batch size."""
    total = len(xs) * wanted
    size = best_batch(side, kind, xs, total)
    seconds = rates(side, kind, xs, total)[size] * size
    count = max(1, min(math.ceil(total / size), int(LONG / seconds)))
    run = side.raw(kind, np.resize(xs, (size, *xs.shape[1:])))
    return lambda: [run() for _ in range(count)], count * size / total, {'rows per run': size}
