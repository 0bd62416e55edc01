"""Arrays of finite numbers, from whatever holds numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from .errors import ShapeError, ValueRangeError, first_line


def as_numbers(value: Any, wanted: str, what: str) -> np.ndarray:
    """`value` as a NumPy array of numbers, as it is; ShapeError for what NumPy would take apart or take for
    something else."""
    if type(value) is not np.ndarray:           # which has nothing to lose
        refuse_lossy(value, wanted, what)
    try:
        given = np.asarray(value)
    except Exception as e:          # ragged lists, and whatever the __array__ of other libraries raises
        raise ShapeError(f'{what} is not an array of {wanted}: got {type(value).__name__}'
                         + (' of uneven shape' if isinstance(value, (list, tuple)) else '')
                         + f' ({first_line(e)})') from None
    # bfloat16 is of kind V too
    kind = given.dtype.kind if given.dtype.kind != 'V' or issubclass(given.dtype.type, np.void) else 'f'
    hint = NOT_NUMBERS.get(kind)
    if kind == 'O' and given.size and all(isinstance(v, (str, bytes)) for v in given.flat):
        hint = STRINGS
    if hint:
        raise ShapeError(f'{what} is not an array of {wanted}: got {type(value).__name__} of dtype '
                         f'{str(given.dtype)[:60]}. '
                         + (hint if given.ndim or given.dtype.kind != 'O' else 'Give a NumPy array or a list '
                                                                               'of numbers'))
    return given

STRINGS = ('Give numbers: what de.preprocess(raw) returns, where the model has string or lookup layers in '
           'front')
NOT_NUMBERS = {         # kinds of dtypes
    'O': 'Give numbers of one type, e.g. .astype(float)',
    'U': STRINGS, 'S': STRINGS,
    'M': 'Give numbers: what a date means to the model only you know', 'm': 'Give numbers: what a time means '
                                                                            'to the model only you know',
    'V': 'Give one plain array: numpy.lib.recfunctions.structured_to_unstructured',
}


def refuse_lossy(value: Any, wanted: str, what: str) -> None:
    """Raise ShapeError for objects, in lists too, of which NumPy would drop something: masks, names of
    columns, where zeros are."""
    if isinstance(value, (list, tuple)):
        for one in {type(v): v for v in value}.values() if not isinstance(value[0] if value else None,
                                                                          (list, tuple)) else value:
            refuse_lossy(one, wanted, what)
        return
    kind, package = type(value).__name__, type(value).__module__.partition('.')[0]
    if isinstance(value, tf.Tensor):
        if tf.is_symbolic_tensor(value):
            raise ShapeError(f'{what} is the graph tensor "{value.name}"; give its values: a NumPy array')
        return
    hint = None
    if isinstance(value, np.ma.MaskedArray):
        hint = 'Its mask would be lost: give .filled(number), or the rows without masked entries'
    elif isinstance(value, tf.Variable) or (package in ('keras', 'tf_keras') and hasattr(value, 'assign')):
        hint = 'Give its values: variable.numpy(), or session.run(variable)'
    elif isinstance(value, (tf.RaggedTensor, tf.SparseTensor, tf.IndexedSlices)):
        hint = 'Give a dense array: .to_tensor().numpy(), or tf.sparse.to_dense(...).numpy()'
    elif package == 'pandas':
        hint = 'Give .to_numpy(), whose columns are in the order that the model was trained with'
    elif package == 'scipy' and hasattr(value, 'toarray'):
        hint = 'Give .toarray()'
    elif kind == 'KerasTensor':
        hint = 'It is symbolic: give its values'
    if hint:
        raise ShapeError(f'{what} is not an array of {wanted}: got {kind}. {hint}')


def as_array(value: Any, dtype: tf.DType, what: str) -> np.ndarray:
    """`value` as a finite array of `dtype`; `what` names it in errors. Not copied when nothing changes."""
    given = as_numbers(value, dtype.name, what)
    if given.dtype.kind == 'c' and not dtype.is_complex:
        raise ShapeError(f'{what} is not an array of {dtype.name}: got complex numbers')
    if given.dtype == dtype.as_numpy_dtype:
        result = given
    else:
        with np.errstate(over='ignore', invalid='ignore'):
            result = given.astype(dtype.as_numpy_dtype, copy=False)
    for a in (given,) if result is given else (given, result):
        if a.dtype.kind not in 'iub' and not np.isfinite(a).all():
            where = tuple(int(i) for i in np.argwhere(~np.isfinite(a))[0])
            raise ValueRangeError(f'{what} holds {np.count_nonzero(~np.isfinite(a))} values that are NaN or '
                                  f'infinite (in {a.dtype.name}), '
                                  f'the first at {where}')
    if ((dtype.is_integer or dtype.is_bool) and given.dtype != result.dtype
            and not np.array_equal(given, result)):
        raise ValueRangeError(
            f'{what} holds values that {dtype.name} cannot hold: fractions, or out of range')
    return result
