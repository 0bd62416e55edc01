"""docs/benchmarks.png."""

import numpy as np
from speed_results import COLORS, OTHERS, collected, label, median
from speed_workloads import METHODS

COLUMNS = 3


def plot(saved, path):
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt
    found = collected(saved)
    cases = list(dict.fromkeys(key[:2] for key in found))
    figure, axes = plt.subplots(-(-len(METHODS) // COLUMNS), COLUMNS, figsize=(15, 25), squeeze=False)
    for axis in axes.flat[len(METHODS):]:
        axis.axis('off')
    for axis, method in zip(axes.flat, METHODS):
        some = [case for case in cases if median(found.get((*case, method), {}).get('floor'))]
        for y, case in enumerate(some):
            draw(axis, y, found[(*case, method)])
        axis.axvline(1, color='black', linewidth=.8)
        axis.set_xscale('log')
        low, high = axis.get_xlim()
        axis.set_xticks([t for t in (.1, .3, 1, 3, 10, 30, 100, 300) if low < t < high], minor=False)
        axis.xaxis.set_major_formatter('{x:g}')
        axis.xaxis.set_minor_formatter('')
        axis.set_title(method, fontsize=10)
        axis.tick_params(labelsize=8)
        axis.grid(axis='y', linewidth=.3)
        axis.set_yticks(range(len(some)), [label(case) for case in some])
        axis.set_ylim(max(len(some), 1) - .5, -.5)
    names = {'deepexplain2': 'deepexplain2', **OTHERS}
    figure.legend([plt.Line2D([], [], marker='o', linestyle='', color=COLORS[n]) for n in names],
                  names.values(), loc='lower center', ncols=6, frameon=False)
    figure.tight_layout(rect=(0, .02, 1, 1))
    figure.savefig(path, dpi=100)
    plt.close(figure)


def draw(axis, y, results):
    """The times of all libraries in one case as multiples of the floor, from quartile to quartile."""
    unit = median(results['floor'])
    for k, (side, color) in enumerate(COLORS.items()):
        if median(results.get(side)):
            low, middle, high = np.array(results[side]['ms']) / unit
            axis.errorbar(middle, y + .13 * (k - 2.5), xerr=[[middle - low], [high - middle]], fmt='o',
                          color=color, markersize=3.5, lw=1)
