"""
A pandas table
==============

Train a network on a pandas table, explain single rows and the whole table by the names of the columns.

The table holds made-up flats; the price follows a formula that is known, so that the answers can be judged:
two of the columns do not enter it. Every flat is compared with a set of others (`references`): the shares of
its columns add up to its price minus their mean price. Prints one flat and the importance of every column,
and draws both, and all flats, to examples/output/tabular*.png.
"""

import argparse
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from keras import layers

from deepexplain2 import DeepExplain, errors, plots
from deepexplain2.features import Columns

HERE = Path(__file__).parent
METHODS = {'deeplift': {}, 'shapley_sampling': {'samples': 50}, 'kernel_shap': {}}      # of 7 columns: exact
GROUPS = Columns({'stairs': ['floor', 'lift'], 'what plays no part': ['house number', 'colour of door']})


def flats(n, seed):
    """A table of flats, and their prices in thousands."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({'area': rng.normal(80, 25, n).clip(25), 'age': rng.integers(0, 100, n),
                          'floor': rng.integers(0, 8, n), 'lift': rng.integers(0, 2, n),
                          'minutes to the centre': rng.uniform(2, 45, n),
                          'house number': rng.integers(1, 200, n), 'colour of door': rng.integers(0, 9, n)},
                         index=[f'flat {k}' for k in range(n)])
    price = 3 * table.area * np.exp(-table['minutes to the centre'] / 40) - .8 * table.age \
        - 9 * table.floor * (1 - table.lift)
    return table, price


def network(table, price):
    """A small network on the columns as they are: the scales are part of the model."""
    scales = layers.Normalization()
    scales.adapt(table.to_numpy('float32'))
    model = keras.Sequential([keras.Input((table.shape[1],), name='flat'), scales, layers.Dense(48, 'gelu'),
                              layers.Dense(48, 'gelu'), layers.Dense(1),
                              layers.Rescaling(float(price.std()), float(price.mean()), name='price')])
    model.compile(keras.optimizers.Adam(5e-3), 'mse')
    return model


def main(short=False, output=HERE / 'output'):
    keras.utils.set_random_seed(0)
    table, price = flats(2000 if short else 6000, seed=0)
    model = network(table, price)
    model.fit(table.to_numpy('float32'), price.to_numpy(), batch_size=64, epochs=8 if short else 20,
              verbose=0)
    xs, true = flats(50 if short else 300, seed=1)
    background = table.iloc[:20]
    with DeepExplain.from_keras(model) as de:
        error = np.abs(de.value(de.outputs[0], de.inputs[0], xs)[:, 0] - true).mean()
        print(f'the network is off by {error:.1f} thousand, the prices spread by {true.std():.0f}')
        explanations, found, importance = {}, {}, pd.DataFrame(index=table.columns)
        for method, parameters in METHODS.items():
            e = de.explanation(method, de.outputs[0], de.inputs[0], xs, references=background, **parameters)
            explanations[method] = e
            found[method] = e.to_frame()                # one row per flat, the columns of the table
            importance[method] = found[method].abs().mean().astype(float)
        e = de.explanation('shapley', de.outputs[0], de.inputs[0], xs, references=background, features=GROUPS)
        groups = pd.Series(np.abs(e.by_feature).mean(0), e.by_feature_names).sort_values(ascending=False)
        mean = de.value(de.outputs[0], de.inputs[0], background).mean()
        try:                                            # columns in another order would explain another thing
            explainer = de.get_explainer('deeplift', de.outputs[0], de.inputs[0])
            explainer.run(xs)
            explainer.run(xs[xs.columns[::-1]])
        except errors.ShapeError as e:
            print('columns in another order are refused:', e)
    importance = importance.sort_values('deeplift', ascending=False)
    print('\nimportance, the mean size of the shares in thousands:')
    print(importance.round(1).to_string())
    print('\nof groups of columns, by their exact Shapley values:')
    print(groups.round(1).to_string())
    flat = found['shapley_sampling'].loc[xs.index[0]][importance.index]
    print(f'\n{flat.name}: {mean + flat.sum():.0f} thousand = {mean:.0f}, the mean of the references, and')
    print(pd.DataFrame({'is': xs.loc[flat.name].round(1), 'adds': flat.round(1)}).loc[flat.index].to_string())
    output.mkdir(exist_ok=True)
    plots.global_bar(explanations).figure.savefig(output / 'tabular_importance.png', dpi=110)
    plots.beeswarm(explanations['deeplift']).figure.savefig(output / 'tabular.png', dpi=110)
    plots.waterfall(explanations['shapley_sampling'][0]).figure.savefig(output / 'tabular_flat.png', dpi=110)
    return importance, found | {'groups': groups}


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--short', action='store_true', help='fewer flats and epochs')
    main(parser.parse_args().short)
