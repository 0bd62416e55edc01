"""What a model that is given is, and which constructor takes it."""

from __future__ import annotations

import os
import zipfile
from typing import Any

import tensorflow as tf

from .errors import SourceError

KERAS, SAVED_MODEL, GRAPH, OTHER, NOTHING = 'a Keras file', 'a SavedModel', 'a frozen graph', 'a file of another kind', 'no file or folder'
TAKEN_BY = {                        # what is at a path -> what to do with it
    KERAS: 'from_keras takes it',
    SAVED_MODEL: 'from_saved_model takes it',
    GRAPH: 'from_graph_def takes it',
    'a .keras or .h5 file that is damaged': 'Save the model again with model.save',
    OTHER: 'from_keras takes .keras and .h5 files, from_saved_model a folder with saved_model.pb, '
           'from_graph_def a frozen graph (.pb, .pbtxt)',
    NOTHING: 'Give the path of a model',
    'an empty file': 'Save the model again',
    'a folder without saved_model.pb': 'from_saved_model takes the folder that holds saved_model.pb; '
                                       'from_keras takes a .keras or .h5 file in it',
    'the saved_model.pb of a SavedModel': 'from_saved_model takes its folder',
    'a file of weights without the model': 'Build the model, call its load_weights, and give it to from_keras',
    'a checkpoint': 'It holds weights without a model. Build the model, restore the checkpoint, and use '
                    'from_keras; or in TensorFlow 1 '
                    'DeepExplain(session)',
    'a TensorFlow Lite model': 'It cannot be explained. Give the model that it was converted from',
    'an ONNX model': 'It cannot be explained. Convert it to a SavedModel, and use from_saved_model',
    'a PyTorch file or a pickle': 'It cannot be explained. Export the model to TensorFlow, and use '
                                  'from_saved_model',
}
FRONT = 8                           # bytes that tell what a file is


def path_of(given: Any, way: str, *takes: str) -> str:
    """A path that `way` can read, as a string; SourceError unless one of the kinds in `takes` is there."""
    if not isinstance(given, (str, os.PathLike)) or not isinstance(os.fspath(given), str):
        raise SourceError(f'{way} takes a path as a str or a pathlib.Path, not '
                          f'{type(given).__name__}{way_in(given)}')
    path = os.fspath(given)
    found = _kind(path)
    if found not in takes:
        raise SourceError(f'{way}: no {takes[0].removeprefix("a ")} at {path!r}, where there is {found}. '
                          f'{TAKEN_BY[found]}')
    return path


def way_in(given: Any) -> str:
    """The constructor that takes what was given, as a sentence to follow an error; empty where none does."""
    name = type(given).__name__
    if isinstance(given, type):
        return f'. {given.__name__} is a class: give an instance, the model itself'
    if is_keras_model(given):
        return f'. Use DeepExplain.from_keras for a Keras model such as {name}'
    if type(given).__module__.partition('.')[0] in ('keras', 'tf_keras') and callable(given):
        return (f'. {name} is a Keras layer: use DeepExplain.from_keras(keras.Sequential([keras.Input(...), '
                f'layer]))')
    if isinstance(given, (str, os.PathLike)):
        found = _kind(os.fspath(given))
        return f'. At {os.fspath(given)!r} there is {found}. {TAKEN_BY[found]}'
    if isinstance(given, tf.compat.v1.GraphDef):
        return '. Use DeepExplain.from_graph_def for a GraphDef'
    if isinstance(given, tf.Graph):
        return ('. Give DeepExplain(session) the session that runs a graph, or DeepExplain.from_graph_def '
                'its graph.as_graph_def() once it is frozen')
    if isinstance(given, tf.compat.v1.MetaGraphDef):
        return ('. Import a MetaGraphDef with tf.compat.v1.train.import_meta_graph, restore the weights, and '
                'use DeepExplain(session)')
    if isinstance(given, (tf.compat.v1.Session, tf.compat.v1.InteractiveSession)):
        return '. Use DeepExplain(session)'
    if hasattr(given, 'signatures') and not callable(given):
        return ('. For a SavedModel that is loaded use DeepExplain.from_saved_model(path), or '
                "DeepExplain.from_function(loaded.signatures['serving_default'])")
    if callable(given):
        return '. Use DeepExplain.from_function for a function of tensors'
    return ''


def is_keras_model(given: Any) -> bool:
    return (not isinstance(given, type) and callable(given) and hasattr(given, 'layers')
            and hasattr(given, 'call'))


def _kind(path: str | bytes) -> str:
    """What is at a path, a key of TAKEN_BY, by its first bytes and its name."""
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    if os.path.isdir(path):
        inside = set(os.listdir(path))
        if inside & {'saved_model.pb', 'saved_model.pbtxt'}:
            return SAVED_MODEL
        return 'a checkpoint' if 'checkpoint' in inside else 'a folder without saved_model.pb'
    if not os.path.isfile(path):
        return 'a checkpoint' if os.path.isfile(f'{path}.index') else NOTHING
    with open(path, 'rb') as file:
        front = file.read(FRONT)
    name = os.path.basename(path).lower()
    if not front:
        return 'an empty file'
    if front.startswith(b'PK') and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        if 'config.json' in names:
            return KERAS
        if any(n.endswith('data.pkl') for n in names):
            return 'a PyTorch file or a pickle'
    if front == b'\x89HDF\r\n\x1a\n':
        return 'a file of weights without the model' if name.endswith('.weights.h5') else KERAS
    if front[4:8] == b'TFL3':
        return 'a TensorFlow Lite model'
    if name in ('saved_model.pb', 'saved_model.pbtxt'):
        return 'the saved_model.pb of a SavedModel'
    if name == 'checkpoint' or name.endswith(('.meta', '.index')) or '.data-' in name or name.endswith('.ckpt'):
        return 'a checkpoint'
    if name.endswith('.onnx'):
        return 'an ONNX model'
    if name.endswith(('.pt', '.pth', '.pkl', '.pickle')):
        return 'a PyTorch file or a pickle'
    if name.endswith(('.keras', '.h5', '.hdf5')):
        return 'a .keras or .h5 file that is damaged'
    return GRAPH if name.endswith(('.pb', '.pbtxt')) else OTHER
