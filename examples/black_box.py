"""
Models of other libraries as black boxes
========================================

Explain models of other libraries as black boxes: a scikit-learn forest, a PyTorch network, a function.

Each says how likely a loan is to be repaid. Prints what its answer owes to every column, on average and for
one applicant, and draws all applicants to examples/output/black_box.png. Models whose library is not
installed are skipped.
"""

import argparse
from pathlib import Path

import numpy as np
import tensorflow as tf

from deepexplain2 import DeepExplain, plots

HERE = Path(__file__).parent
COLUMNS = 'income', 'debt', 'years in job', 'late payments', 'shoe size'


def applicants(rows, seed=0):
    """Rows of the columns, and whether the loan was repaid."""
    rng = np.random.default_rng(seed)
    x = np.stack([rng.gamma(6, 8, rows), rng.gamma(2, 10, rows), rng.integers(0, 30, rows),
                  rng.poisson(1., rows), rng.normal(42, 2, rows)], 1)
    return x, rng.random(rows) < scorecard(x)


def scorecard(x):
    """A plain function of NumPy arrays: (n, 5) -> (n,). Late payments count twice without a steady job."""
    points = .06 * (x[:, 0] - 48) - .08 * (x[:, 1] - 20) - .7 * x[:, 3] * np.where(x[:, 2] < 5, 2, 1) + 1
    return 1 / (1 + np.exp(-points))


def forest(x, repaid):
    """A random forest of scikit-learn."""
    from sklearn.ensemble import RandomForestClassifier
    model = RandomForestClassifier(50, min_samples_leaf=10, random_state=0).fit(x, repaid)
    # one trained on a DataFrame: lambda x: model.predict_proba(pd.DataFrame(x, columns=COLUMNS))[:, 1]
    return lambda x: model.predict_proba(x)[:, 1]


def network(x, repaid):
    """A network of PyTorch."""
    import torch
    torch.manual_seed(0)
    center, scale = (torch.tensor(v, dtype=torch.float32) for v in (x.mean(0), x.std(0)))
    model = torch.nn.Sequential(torch.nn.Linear(5, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
    inputs, wanted = (torch.tensor(v, dtype=torch.float32) for v in (x, repaid))
    optimizer = torch.optim.Adam(model.parameters(), .02)
    for _ in range(200):
        optimizer.zero_grad()
        logits = model((inputs - center) / scale)[:, 0]
        torch.nn.functional.binary_cross_entropy_with_logits(logits, wanted).backward()
        optimizer.step()
    model.eval()

    @torch.no_grad()
    def predict(x):
        return torch.sigmoid(model((torch.from_numpy(x).float() - center) / scale)[:, 0])
    return predict


def explain(name, predict, x, rows):
    """Print what the answer of a function owes to the columns; the Shapley values of the first rows."""
    mean = x.mean(0)
    with DeepExplain.from_callable(predict, [tf.TensorSpec((None, len(COLUMNS)), tf.float64)]) as de:
        T, X = de.outputs[0], de.inputs[0]
        shapley = de.explain('shapley_sampling', T, X, x[:rows], baseline=mean, samples=50)
        occlusion = de.explain('occlusion', T, X, x[:rows], baseline=mean)
        answers, of_mean = de.value(T, X, x[:rows]), de.value(T, X, mean[None])[0]
    print(f'\n{name}: mean change of the probability by each column, {rows} applicants')
    print(f'{"":16}{"shapley":>10}{"occlusion":>10}')
    for column, a, b in zip(COLUMNS, np.abs(shapley).mean(0), np.abs(occlusion).mean(0)):
        print(f'{column:16}{a:10.3f}{b:10.3f}')
    print(f'The first one is repaid with {answers[0]:.0%}, the average applicant with {of_mean:.0%}:')
    for column, value, average, a in zip(COLUMNS, x[0], mean, shapley[0]):
        print(f'{100 * a:+6.1f} points  {column} is {value:.0f}, {average:.0f} on average')
    return shapley


def main(short=False, output=HERE / 'output'):
    x, repaid = applicants(400 if short else 2000)
    found = {'plain function': explain('A plain function', scorecard, x, 10 if short else 100)}
    for name, train in ('scikit-learn', forest), ('PyTorch', network):
        try:
            predict = train(x, repaid)
        except ImportError:
            print(f'\n{name} is not installed: its model is skipped')
            continue
        found[name] = explain(f'A model of {name}', predict, x, 10 if short else 100)
    output.mkdir(exist_ok=True)
    axis = plots.beeswarm(found['plain function'], x[:10 if short else 100], COLUMNS,
                          unit='share of the probability that the loan is repaid')
    axis.figure.savefig(output / 'black_box.png', dpi=110)
    return found


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--short', action='store_true', help='few applicants')
    main(parser.parse_args().short)
