"""Keras models out of files, which Keras 3 or Keras 2 wrote."""

from __future__ import annotations

import importlib
import json
import os
import zipfile
from collections.abc import Mapping
from typing import Any

import h5py

from ...errors import SourceError, brief_message

# This function of Keras 2 is another one in Keras 3: 0.2 x + 0.5 and x / 6 + 0.5, between 0 and 1.
CHANGED = 'hard_sigmoid'
INSTALL = 'Install tf_keras, which is Keras 2 (pip install tf_keras)'


def load(path: str, custom_objects: Mapping[str, Any] | None) -> Any:
    """The model in a file, or in the SavedModel of a Keras 2 model.

    What Keras 2 wrote is read with tf_keras where it is installed, and otherwise with Keras 3 if that can.

    Raises SourceError, which says to install tf_keras where that may help.
    """
    if custom_objects is not None and not isinstance(custom_objects, Mapping):
        raise SourceError('from_keras: custom_objects must be a dict of names to classes or functions, not '
                          f'{type(custom_objects).__name__}')
    is_folder = os.path.isdir(path)
    version, config = ('2', '') if is_folder else _written(path)
    keras_2, keras_3 = _module('tf_keras'), _module('keras')
    is_legacy = bool(version) and not version.startswith('3')
    advice = (f'It was written by Keras {version}. {INSTALL}' if is_legacy and keras_2 is None else
              'Classes of your own are given as custom_objects={name: class}; a model that you load yourself '
              'can be given as it is') + ('. from_saved_model takes its signature' if is_folder else '')
    if version.startswith('3'):
        readers = [keras_3]
    elif is_folder or (is_legacy and CHANGED in config):
        readers = [keras_2]
    else:
        readers = [keras_2, keras_3] if is_legacy else [keras_3, keras_2]
    problems: list[Exception] = []
    for reader in readers:
        try:
            if reader is not None:
                return reader.models.load_model(path, custom_objects=custom_objects, compile=False)
        except Exception as error:
            problems.append(error)
    reason = (f'{brief_message(problems[0])}. ' if problems else
              f'It uses {CHANGED}, which is another function in Keras 3. ' if not is_folder else '')
    raise SourceError(f'from_keras cannot load {path!r}. {reason}{advice}') from (
        problems[0] if problems else None)


def _module(name: str) -> Any:
    """A package, or None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _written(path: str) -> tuple[str, str]:
    """(version of Keras, configuration) of a model in a file; empty where they cannot be read."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                metadata = json.loads(archive.read('metadata.json'))
                return str(metadata.get('keras_version', '')), archive.read('config.json').decode()
        with h5py.File(path, 'r') as file:
            return _text(file.attrs.get('keras_version', '')), _text(file.attrs.get('model_config', ''))
    except (OSError, KeyError, ValueError):
        return '', ''


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
