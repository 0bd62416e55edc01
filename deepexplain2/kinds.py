"""What a model is that a user gives, and which constructor of DeepExplain takes it."""

from __future__ import annotations

import mmap
import os
import zipfile
from typing import Any

import h5py
import tensorflow as tf

from .errors import SourceError

KERAS, SAVED_MODEL, GRAPH, OTHER = 'a Keras file', 'a SavedModel', 'a frozen graph', 'a file of another kind'
NOTHING, EMPTY, CHECKPOINT = 'no file or folder', 'an empty file', 'a checkpoint'
FOLDER, INSIDE_SAVED_MODEL = 'a folder without saved_model.pb', 'the saved_model.pb of a SavedModel'
DAMAGED, WEIGHTS = 'a .keras or .h5 file that is damaged', 'a file of weights without the model'
KERAS_FOLDER = 'a SavedModel of a Keras 2 model'
LITE, ONNX, PYTORCH = 'a TensorFlow Lite model', 'an ONNX model', 'a PyTorch file or a pickle'
BLACK_BOX = '; or load it, and give from_callable the function that runs it, as a black box'
ADVICE = {                          # by what is at a path
    KERAS: 'from_keras takes it',
    SAVED_MODEL: 'from_saved_model takes it',
    KERAS_FOLDER: 'from_keras and from_saved_model take it',
    GRAPH: 'from_graph_def takes it',
    DAMAGED: 'Save the model again with model.save',
    OTHER: 'from_keras takes .keras and .h5 files, from_saved_model a folder with saved_model.pb, '
           'from_graph_def a frozen graph (.pb, .pbtxt)',
    NOTHING: 'Give the path of a model',
    EMPTY: 'Save the model again',
    FOLDER: 'from_saved_model takes the folder that holds saved_model.pb; from_keras takes a .keras or .h5 '
            'file in it',
    INSIDE_SAVED_MODEL: 'from_saved_model takes its folder',
    WEIGHTS: 'Build the model, call its load_weights, and give it to from_keras',
    CHECKPOINT: 'from_checkpoint takes one of TensorFlow 1, with its .meta file. One of weights alone has no '
                'model: build it, restore the checkpoint, and use from_keras or DeepExplain(session)',
    LITE: f'Give the model that it was converted from to from_keras or from_saved_model{BLACK_BOX}',
    ONNX: f'Convert it to a SavedModel, and use from_saved_model{BLACK_BOX}',
    PYTORCH: f'Export the model to TensorFlow, and use from_saved_model{BLACK_BOX}',
}
FIRST_BYTES = 8                     # tell what a file is


def path_of(given: Any, way: str, *takes: str) -> str:
    """A path as a string. Raises SourceError unless one of the kinds in `takes` is there.

    way: name of the constructor, for messages.
    """
    if not isinstance(given, (str, os.PathLike)) or not isinstance(os.fspath(given), str):
        raise SourceError(f'{way} takes a path as a str or a pathlib.Path, not '
                          f'{type(given).__name__}{way_in(given)}')
    path = os.fspath(given)
    found = _kind(path)
    if found not in takes:
        raise SourceError(f'{way}: no {takes[0].removeprefix("a ")} at {path!r}, where there is {found}. '
                          f'{ADVICE[found]}')
    return path


def way_in(given: Any) -> str:
    """The constructor that takes an object, as a sentence to follow an error; empty if there is none."""
    name = type(given).__name__
    if isinstance(given, type):
        return f'. {given.__name__} is a class: give an instance, the model itself'
    if is_keras_model(given):
        return f'. Use DeepExplain.from_keras for a Keras model such as {name}'
    if type(given).__module__.partition('.')[0] in ('keras', 'tf_keras') and callable(given):
        return (f'. {name} is a Keras layer: use DeepExplain.from_keras(keras.Sequential([keras.Input(...), '
                'layer]))')
    if isinstance(given, (str, os.PathLike)):
        found = _kind(os.fspath(given))
        return f'. At {os.fspath(given)!r} there is {found}. {ADVICE[found]}'
    if isinstance(given, tf.compat.v1.GraphDef):
        return '. Use DeepExplain.from_graph_def for a GraphDef'
    if isinstance(given, tf.Graph):
        return ('. Give DeepExplain(session) the session that runs a graph, or DeepExplain.from_graph_def '
                'its graph.as_graph_def() once it is frozen')
    if isinstance(given, tf.compat.v1.MetaGraphDef):
        return ('. Import a MetaGraphDef with tf.compat.v1.train.import_meta_graph, restore the weights, and '
                'use DeepExplain(session); from_checkpoint does so for the path of a checkpoint')
    if isinstance(given, (tf.compat.v1.Session, tf.compat.v1.InteractiveSession)):
        return '. Use DeepExplain(session)'
    if hasattr(given, 'signatures') and not callable(given):
        return ('. For a SavedModel that is loaded use DeepExplain.from_saved_model(path), or '
                "DeepExplain.from_function(loaded.signatures['serving_default'])")
    if callable(given):
        return '. Use DeepExplain.from_function for a function of tensors'
    return ''


def is_keras_model(given: Any) -> bool:
    """Whether this is a model of Keras 3 or tf_keras, without an import of either."""
    return (not isinstance(given, type) and callable(given) and hasattr(given, 'layers')
            and hasattr(given, 'call'))


def _kind(path: str | bytes) -> str:
    """What is at a path, a key of ADVICE, by its first bytes and its name."""
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    if os.path.isdir(path):
        inside = set(os.listdir(path))
        if inside & {'saved_model.pb', 'saved_model.pbtxt'}:
            return KERAS_FOLDER if _is_keras(path) else SAVED_MODEL
        return CHECKPOINT if 'checkpoint' in inside else FOLDER
    if not os.path.isfile(path):
        return CHECKPOINT if any(os.path.isfile(path + end) for end in ('.index', '.meta')) else NOTHING
    with open(path, 'rb') as file:
        start = file.read(FIRST_BYTES)
    name = os.path.basename(path).lower()
    if not start:
        return EMPTY
    if start.startswith(b'PK') and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        if 'config.json' in names:
            return KERAS
        if any(n.endswith('data.pkl') for n in names):
            return PYTORCH
    if start == b'\x89HDF\r\n\x1a\n':
        return WEIGHTS if name.endswith('.weights.h5') or _holds_weights_alone(path) else KERAS
    if start[4:8] == b'TFL3':
        return LITE
    found = _kind_by_name(name)
    return CHECKPOINT if found == OTHER and os.path.isfile(f'{path}.meta') else found   # in one file


def _holds_weights_alone(path: str) -> bool:
    """Whether an HDF5 file is one of weights, which Keras 2 gives any name: no model is described in it."""
    try:
        with h5py.File(path, 'r') as file:
            return 'model_config' not in file.attrs and ('layer_names' in file.attrs or 'layers' in file)
    except OSError:
        return False


def _is_keras(folder: str) -> bool:
    """Whether a SavedModel holds a model of Keras 2, by the names that Keras gives to its objects."""
    path = os.path.join(folder, 'saved_model.pb')
    if not os.path.isfile(path):
        return False
    with open(path, 'rb') as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(b'_tf_keras_') >= 0


def _kind_by_name(name: str) -> str:
    """What a file is by its name alone, in lower case."""
    if name in ('saved_model.pb', 'saved_model.pbtxt'):
        return INSIDE_SAVED_MODEL
    if name == 'checkpoint' or name.endswith(('.meta', '.index', '.ckpt')) or '.data-' in name:
        return CHECKPOINT
    if name.endswith('.onnx'):
        return ONNX
    if name.endswith(('.pt', '.pth', '.pkl', '.pickle')):
        return PYTORCH
    if name.endswith(('.keras', '.h5', '.hdf5')):
        return DAMAGED
    return GRAPH if name.endswith(('.pb', '.pbtxt')) else OTHER
