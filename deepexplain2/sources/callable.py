"""A function of NumPy arrays as a graph: placeholders, and one op that calls it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..errors import SourceError, shown
from ..graph.python_calls import ArrayFunction, Output, WrongAnswer, as_rows, leaves, place_of
from ..kinds import is_keras_model, way_in
from .signature import as_signature
from .source import Source

WAY = 'from_callable'
LENGTH = 5              # of open axes other than the first, in the probe


def from_callable(fn: Any, input_signature: Any, output_signature: Any = None) -> Source:
    """A function of NumPy arrays.

    Parameters
    ----------
    fn : callable
        The function, which is called as it is whenever the graph runs.
    input_signature : list of tf.TensorSpec
        One entry per argument, None for the batch.
    output_signature : tf.TensorSpec, or tuple or dict of them, optional
        What fn returns. By default fn is called once, with a row of zeros.

    Raises
    ------
    SourceError
        If `fn` is no function, a signature does not fit, or the call fails.
    """
    _check_function(fn)
    arguments = as_signature(input_signature, WAY)
    function = ArrayFunction(fn, arguments)
    strings = [s for s in function.specs if s.dtype == tf.string]
    if strings:
        raise SourceError(f'{WAY}: input_signature holds {strings[0]}: strings have no attributions. Write '
                          f'the strings into fn, and let it take what is explained')
    if output_signature is None:
        function.outputs = _probed(function)
    else:
        function.outputs = _declared(output_signature)
    names = [spec.name or name for name, spec in zip(_argument_names(fn, arguments), function.specs)]
    graph = tf.Graph()
    with graph.as_default():
        inputs = [tf.compat.v1.placeholder(s.dtype, s.shape, _op_name(name))
                  for s, name in zip(function.specs, names)]
        outputs = tf.numpy_function(function, inputs, [o.dtype for o in function.outputs],
                                    name=_op_name(function.name.rpartition('.')[2]))
    for tensor, output in zip(outputs, function.outputs):
        tensor.set_shape(output.shape)
    # The thread that explains calls fn itself: Ctrl-C reaches fn, and so does what belongs to a thread. The
    # first session of a process makes the threads that all sessions share, and must not have this option.
    tf.compat.v1.Session(graph=tf.Graph()).close()
    config = tf.compat.v1.ConfigProto(inter_op_parallelism_threads=-1)
    return Source(graph, inputs, outputs, list(zip(names, inputs)),
                  [(o.name, t) for o, t in zip(function.outputs, outputs) if o.name], config=config)


def _check_function(fn: Any) -> None:
    """Raise SourceError for what is no function of arrays, with what to give instead."""
    if is_keras_model(fn):
        raise SourceError(f'{WAY} takes a function of NumPy arrays, not {type(fn).__name__}{way_in(fn)}, '
                          f'with all methods; as a black box it is model.predict')
    if any(c.__module__.partition('.')[0] == 'torch' for c in type(fn).__mro__):
        raise SourceError(f'{WAY} takes a function of NumPy arrays, and {type(fn).__name__} takes tensors. '
                          f'Give lambda x: model(torch.from_numpy(x)).detach().numpy(), after model.eval()')
    if isinstance(fn, type) or not callable(fn):
        methods = [m for m in ('predict_proba', 'decision_function', 'predict', 'run')
                   if callable(getattr(fn, m, None))]
        hint = (f'. Give one of its methods, such as model.{methods[0]}' if methods and
                not isinstance(fn, type) else way_in(fn))
        raise SourceError(f'{WAY} takes a function of NumPy arrays, not {type(fn).__name__}{hint}')


def _probed(function: ArrayFunction) -> list[Output]:
    """What a function returns, seen from one call."""
    specs = function.specs
    if any(s.shape.rank is None for s in specs):
        raise SourceError(f'{WAY}: input_signature holds a tf.TensorSpec without a shape. Give its shape, or '
                          f'output_signature, what fn returns')
    shapes = [tuple(d or (LENGTH if k else 1) for k, d in enumerate(s.shape.as_list())) for s in specs]
    arrays = [np.zeros(shape, s.dtype.as_numpy_dtype) for shape, s in zip(shapes, specs)]
    called = f'{WAY}: fn, called once with zeros of shape {", ".join(map(str, shapes))}, '
    instead = ('. If fn cannot take such a row, say what it returns: output_signature='
               'tf.TensorSpec((None, ...), tf.float32), or a tuple or dict of them; then it is not called')
    try:
        with np.errstate(all='ignore'):
            found = list(leaves(function.answer(arrays)))
        rows = function.rows(arrays)
        are_open = any(None in s.shape.as_list()[1:] for s in specs) or len(rows) > 1
        return [_output(name, value, rows, are_open) for name, value in found] or _nothing()
    except WrongAnswer as e:
        raise SourceError(f'{called}{e}{instead}') from e.__cause__
    except Exception as e:
        raise SourceError(f'{called}failed: {place_of(e)}{instead}') from e


def _nothing() -> list[Output]:
    raise WrongAnswer('returned no array')


def _output(name: str, value: Any, rows: set[int], are_open: bool) -> Output:
    """What one output shows. are_open: whether sizes of the arguments are open, and so are its own."""
    array = as_rows(value, name, rows)
    is_list_of_integers = isinstance(value, list) and array.dtype.kind in 'iub'     # 1 for 1.0, as of JSON
    dtype = np.dtype(float) if array.dtype.itemsize > 8 or is_list_of_integers else array.dtype
    return Output(name, tf.as_dtype(dtype), tf.TensorShape([None, *([None] * (array.ndim - 1) if are_open
                                                                   else array.shape[1:])]))


def _declared(signature: Any) -> list[Output]:
    """The outputs of an output_signature."""
    found = list(leaves(signature))
    for _, spec in found:
        if not isinstance(spec, tf.TensorSpec) or spec.shape.rank == 0 \
                or not (spec.dtype.is_floating or spec.dtype.is_integer or spec.dtype.is_bool):
            raise SourceError(f'{WAY}: output_signature holds {shown(spec)}. Give tf.TensorSpec((None, ...), '
                              f'tf.float32), or a tuple or dict of them, as fn returns: numbers, and one '
                              f'entry per row')
    if not found:
        raise SourceError(f'{WAY}: output_signature is empty')
    return [Output(name, spec.dtype, spec.shape) for name, spec in found]


def _argument_names(fn: Any, arguments: Sequence[Any]) -> list[str]:
    """The names of the arrays: of the parameters of fn, with the path inside of a nested argument ('x/a')."""
    try:
        names = [p.name for p in inspect.signature(fn).parameters.values()
                 if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    except (TypeError, ValueError):                     # of C, without a signature
        names = []
    names += [f'input_{k}' for k in range(len(names), len(arguments))]
    return [f'{name}/{path}' if path else name for name, argument in zip(names, arguments)
            for path, _ in _paths(argument)]


def _paths(argument: Any, path: str = '') -> list[tuple[str, Any]]:
    """(path, leaf) of an argument, in the order of tf.nest.flatten."""
    if isinstance(argument, Mapping):
        pairs = [(key, argument[key]) for key in sorted(argument)]
    elif isinstance(argument, (list, tuple)):
        pairs = list(enumerate(argument))
    else:
        return [(path, argument)]
    return [found for key, value in pairs for found in _paths(value, f'{path}/{key}' if path else str(key))]


def _op_name(name: str) -> str:
    """A name that TensorFlow takes for an op."""
    return re.sub(r'[^A-Za-z0-9_.]+', '_', name).strip('_.') or 'function'
