"""Files of arrays and plain Python values: written by NumPy, read without pickle, equal to the bit."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .errors import FileError, first_line

META = 'deepexplain2'           # the entry that holds what is no array, as JSON


def write(path: str | os.PathLike[str], kind: str, version: int, content: Mapping[str, Any]) -> None:
    """Write `content` to exactly this path; an older file is replaced once the new one is whole.

    Kept as they are: arrays, NumPy scalars, str, bool, int, float, None, and lists, tuples and dicts of
    these. Anything else is written as its repr.
    """
    arrays: dict[str, np.ndarray] = {}
    values = {name: _encoded(value, name, arrays) for name, value in content.items()}
    meta = json.dumps({'kind': kind, 'version': version, 'content': values})
    part = Path(f'{os.fspath(path)}.part')
    try:
        with open(part, 'wb') as file:
            np.savez(file, **{META: np.frombuffer(meta.encode(), np.uint8)},   # type: ignore[arg-type]
                     **arrays)                                                 # type: ignore[arg-type]
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def read(path: str | os.PathLike[str], kind: str, version: int) -> dict[str, Any]:
    """What `write` wrote; FileError for any other file, and for a later version of the format."""
    what = f'{os.fspath(path)!r} cannot be read as {kind} of deepexplain2'
    with open(path, 'rb') as file:
        try:
            found = np.load(file, allow_pickle=False)
            names = found.files if isinstance(found, np.lib.npyio.NpzFile) else []
            meta = json.loads(found[META].tobytes()) if META in names else None
            if meta is not None and meta['kind'] == kind and meta['version'] <= version:
                return {name: _decoded(value, found) for name, value in meta['content'].items()}
        except Exception as e:          # of NumPy, zipfile, zlib and json, of a file that may hold anything
            raise FileError(f'{what}: it is damaged, or of another program ({type(e).__name__}: '
                            f'{first_line(e)})') from None
    if meta is None:
        raise FileError(f'{what}: another program wrote it')
    if meta['kind'] != kind:
        raise FileError(f'{what}: it holds {meta["kind"]}')
    raise FileError(f'{what}: its format has version {meta["version"]}, and this deepexplain2 knows version '
                    f'{version}. Install a later one')


def _encoded(value: Any, name: str, arrays: dict[str, np.ndarray]) -> Any:
    """`value` for JSON; its arrays go into `arrays`, called by where they are."""
    if value is None or type(value) in (bool, str, int) or (type(value) is float and math.isfinite(value)):
        return value
    if type(value) is list:
        return [_encoded(v, f'{name}.{k}', arrays) for k, v in enumerate(value)]
    if type(value) is tuple:
        return {'tuple': [_encoded(v, f'{name}.{k}', arrays) for k, v in enumerate(value)]}
    if isinstance(value, dict):
        return {'dict': [[_encoded(k, f'{name}.key{i}', arrays), _encoded(v, f'{name}.{i}', arrays)]
                         for i, (k, v) in enumerate(value.items())]}
    if type(value) is float:
        return {'float': repr(value)}
    if isinstance(value, (np.ndarray, np.generic)) and not value.dtype.hasobject:
        return _encoded_array(value, name, arrays)
    return repr(value)


def _encoded_array(value: np.ndarray | np.generic, name: str,
                   arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    array = np.asarray(value)
    found: dict[str, Any] = {'scalar' if isinstance(value, np.generic) else 'array': name}
    if array.dtype.kind == 'V' and array.dtype.names is None and not issubclass(array.dtype.type, np.void):
        found['dtype'] = array.dtype.name           # bfloat16 and its like, which NumPy writes as raw bytes
        array = array.view(f'u{array.dtype.itemsize}')
    arrays[name] = array
    return found


def _decoded(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    if isinstance(value, list):
        return [_decoded(v, arrays) for v in value]
    if not isinstance(value, dict):
        return value
    if 'tuple' in value:
        return tuple(_decoded(v, arrays) for v in value['tuple'])
    if 'dict' in value:
        return {_decoded(k, arrays): _decoded(v, arrays) for k, v in value['dict']}
    if 'float' in value:
        return float(value['float'])
    array = arrays[value['scalar' if 'scalar' in value else 'array']]
    if 'dtype' in value:
        import ml_dtypes  # comes with TensorFlow

        array = array.view(getattr(ml_dtypes, value['dtype']))
    return array[()] if 'scalar' in value else array
