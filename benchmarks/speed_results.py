"""What benchmarks/results.json holds, by workload, rows, method and side."""

from speed_workloads import WORKLOADS

PEERS = {'captum': 'Captum', 'zennit': 'zennit', 'shap': 'SHAP', 'xplique': 'Xplique'}
OTHERS = {'compiled': 'jit_compile', **PEERS}
COLORS = {'deepexplain2': 'tab:red', 'compiled': 'tab:pink', 'captum': 'tab:blue', 'shap': 'tab:green',
          'xplique': 'tab:orange', 'zennit': 'tab:purple'}


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
