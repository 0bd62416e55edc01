"""python writers.py FOLDER: one model, written in every way into a folder of its own."""

import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from deepexplain2 import DeepExplain

v1, folder = tf.compat.v1, Path(sys.argv[1])
rng = np.random.default_rng(0)
weights = [rng.normal(size=s).astype('f') for s in ((4, 6), (6,), (6, 2), (2,))]
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(6, 'relu'), keras.layers.Dense(2)])
model.set_weights(weights)


def tf1(path):
    with tf.Graph().as_default(), v1.Session() as s:
        x = v1.placeholder(tf.float32, (None, 4), 'x')
        w, b, w2, b2 = (v1.get_variable(n, initializer=v) for n, v in zip(('w', 'b', 'w2', 'b2'), weights))
        y = tf.nn.relu(x @ w + b) @ w2 + b2
        s.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(s, str(path / 'm'), {'x': x}, {'y': y})


def frozen(path):
    with DeepExplain.from_keras(model) as de:
        tf.io.write_graph(de.graph, str(path), 'm.pb', as_text=False)


for way, write in {'keras': lambda path: model.save(path / 'm.keras'),
                   'h5': lambda path: model.save(path / 'm.h5'),
                   'export': lambda path: model.export(str(path / 'm'), verbose=False),
                   'tf1': tf1, 'frozen': frozen}.items():
    (folder / way).mkdir()
    write(folder / way)
