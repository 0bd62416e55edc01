"""Whether the graph is the model: a few rows go through both."""

from __future__ import annotations

import random
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
import tensorflow as tf
from tensorflow.core.framework.function_pb2 import FunctionDefLibrary
from tensorflow.python.eager import context as eager_context

from ..errors import SourceError, SourceWarning, warn
from ..graph.constants import SMALL_CONSTANT
from ..graph.copies import detached
from ..graph.functions import called_functions, function_library
from ..graph.op_types import SHAPE_ONLY
from ..graph.walks import ancestors, random_ops
from ..tensors import sizes
from .ways import Source

# Of the open axes after the batch. Lengths differ from the numbers of rows and from one another, so that an
# axis that is taken for another one is seen. Pooling needs long axes; networks that halve and double theirs,
# multiples of 32.
LENGTHS = (5, 4, 6, 7), (4, 7, 5, 6), (32, 64, 32, 32), (96, 32, 64, 64), (64, 64, 64,
                                                                           64), (32, 32, 32, 32), (224, 224,
                                                                                                   224, 224)
# of a single open axis, where no two of the others do: networks on sequences cut thousands of places off
LONG = (1024,), (16384,)
# (rows, values) to try at each length, the gentler ones where the model refuses: it may check its values, or
# want so many rows
KINDS = (3, 'any'), (3, 'positive'), (4, 'any'), (1, 'any'), (3, 'zero'), (3, 'one'), (8, 'positive'), (1, 'zero')
KINDS_OF_OPEN = (3, 'any'), (3, 'positive'), (1, 'any')
GATHERS = {'Gather', 'GatherV2', 'ResourceGather'}
KEEPS_IDS = {'Identity', 'Cast', 'Reshape', 'ExpandDims', 'Squeeze', 'Slice', 'StridedSlice', 'Transpose',
             'ConcatV2', 'Pack', 'Split', 'SplitV',
             'Unpack', 'Maximum', 'Minimum', 'ClipByValue', 'SelectV2', 'Select', 'Floor', 'Round',
             'TensorListFromTensor', 'TensorListGetItem'}
WINDOWS = 'Conv', 'DepthwiseConv', 'MaxPool', 'AvgPool', 'Dilation', 'Erosion', 'ExtractImagePatches', 'FractionalM', 'FractionalA'
BRANCHES = {'If', 'StatelessIf', 'Case', 'StatelessCase'}
CAUSES = ('Likely causes: a layer or branch that is in training mode in one of the two; random numbers, a '
          'counter or another state that Python '
          'keeps; an open axis that Keras resolves wrongly in graph mode, where '
          'input_signature=[tf.TensorSpec(shape, dtype)] with fixed sizes '
          'helps. check=False leaves this check out')


class Probe(NamedTuple):
    """Arrays for the inputs; lengths: of their open axes."""
    arrays: list[np.ndarray]
    lengths: tuple[int, ...]

    def __str__(self) -> str:
        return 'inputs of shape ' + ', '.join(str(a.shape) for a in self.arrays)


def check(source: Source, way: str) -> None:
    """Raise SourceError where outputs of the graph differ beyond rounding from those of the model that it was
    made of.

    At two lengths where the model leaves an axis open. SourceWarning where the model fails on all that is
    tried. The model is left as it was: its variables, and the random states of TensorFlow, NumPy and Python.
    """
    if source.original is None or not source.outputs:
        return
    drawn = random_ops(source.outputs, source.inputs)
    eps, tables = _coarsest(source), _vocabularies(source)
    agreed: list[Probe] = []
    failure: Exception | None = None
    most_open = max((sizes(x)[1:].count(None) for x in source.inputs), default=0)
    is_open = most_open > 0
    kinds = list(KINDS_OF_OPEN if is_open else KINDS)
    windowed = is_open and any(op.type.startswith(WINDOWS) for op in source.graph.get_operations())
    tried = LENGTHS[:1] if not is_open else LENGTHS[2:] if windowed else LENGTHS
    for lengths in (*tried, *LONG) if windowed and most_open == 1 else tried:
        refused: set[int] = set()                       # numbers of rows
        for rows, values in list(kinds):
            try:
                probe = Probe(_arrays(source, rows - bool(agreed) if rows > 1 else rows, lengths, values,
                                      tables), lengths)
                if rows in refused:
                    continue
                if windowed:
                    refused.add(rows)
                    _fits(source, probe)
                    refused.discard(rows)
                want, = _ask(source, probe.arrays)
            except Exception as e:                      # the model's own refusal of these values or sizes
                failure = failure or e
                continue
            _compare(source, way, probe, want, eps, drawn)
            agreed.append(probe)
            # NaN hides differences: try other values
            if all(np.isfinite(w).all() for w in want if w.dtype.kind not in 'OSU'):
                kinds.insert(0, kinds.pop(kinds.index((rows, values))))
                break
        if len({p.lengths for p in agreed}) > 1:
            break
    if not agreed:
        warn(f'{way} could not compare the graph with the model, which fails on every input that was tried: '
             f'{type(failure).__name__}: '
             f'{_one_line(failure)}. Compare outputs yourself: de.session.run(de.outputs[0], {{de.inputs[0]: '
             f'xs}}). check=False leaves this out',
             SourceWarning)


def _fits(source: Source, probe: Probe) -> None:
    """Raise ValueError where TensorFlow's shape inference refuses these sizes: eager convolutions of axes
    that are too short give what lies in memory."""
    graph_def = tf.compat.v1.GraphDef(
        library=FunctionDefLibrary(function=function_library(source.graph).values()))
    sized = {x.op.name: a.shape for x, a in zip(source.inputs, probe.arrays)}
    for op in ancestors(source.outputs, set()):
        output = op.outputs[0]
        if op.name in sized or (op.type == 'Const' and (output.shape.num_elements() or 0) > SMALL_CONSTANT):
            node = graph_def.node.add(name=op.name, op='Placeholder')
            node.attr['dtype'].type = output.dtype.as_datatype_enum
            node.attr['shape'].shape.CopyFrom(tf.TensorShape(sized.get(op.name, output.shape)).as_proto())
        else:
            graph_def.node.extend(detached([op]).node)
    with tf.Graph().as_default():
        tf.graph_util.import_graph_def(graph_def, name='')


def _one_line(error: Exception | None) -> str:
    return re.sub(r'\x1b\[\d*m|\s+', ' ', str(error)).strip()[:400]


def _ask(source: Source, arrays: Sequence[np.ndarray], times: int = 1) -> list[list[np.ndarray]]:
    """The outputs of the model, eager, so many times in a row, each with seeds of its own."""
    assert source.original is not None
    answers = []
    with tf.init_scope(), _as_before(source.states) as variables, warnings.catch_warnings():
        warnings.simplefilter('ignore')
        tensors = [tf.constant(a, x.dtype) for a, x in zip(arrays, source.inputs)]
        for k in range(times):
            np.random.seed(k + 1)           # noqa: NPY002  not where the trace stood: a number that it drew is a constant in the graph
            random.seed(k + 1)
            for handle, value in variables if k else ():
                # seeds of Keras, tf.random.Generator
                if value.dtype == tf.uint32 or (value.dtype == tf.int64 and value.shape == (3,)):
                    tf.raw_ops.AssignVariableOp(resource=handle, value=value + tf.cast(k, value.dtype))
            answers.append([np.asarray(y) for y in source.original(*tensors)])
    return answers


@contextmanager
def _as_before(states: Sequence[tf.Tensor]) -> Iterator[list[tuple[tf.Tensor, tf.Tensor]]]:
    """Yields (handle, value) of variables, given by their handles. These and global random states get back
    what they had. Buffers are shared: nothing is copied."""
    kept = []
    for handle in states:
        data = handle._handle_data
        if data is not None and data.is_set and tf.raw_ops.VarIsInitializedOp(resource=handle):
            kept.append((handle, tf.raw_ops.ReadVariableOp(resource=handle,
                                                           dtype=tf.as_dtype(data.shape_and_type[0].dtype))))
    eager = eager_context.context()
    drawing, of_numpy, of_python = vars(eager).get('_rng'), np.random.get_state(), random.getstate()     # noqa: NPY002
    if drawing is not None:
        # TensorFlow's kernels keep their place in the sequence of a seed: other seeds than the user's next
        # ones
        eager._rng = random.Random(0x5eed)
    try:
        yield kept
    finally:
        for handle, value in kept:
            tf.raw_ops.AssignVariableOp(resource=handle, value=value)
        if drawing is not None:
            eager._rng = drawing
        np.random.set_state(of_numpy)       # noqa: NPY002
        random.setstate(of_python)


def _compare(source: Source, way: str, probe: Probe, want: list[np.ndarray], eps: float,
             drawn: list[tuple[str, str]]) -> None:
    """Raise SourceError where the graph gives something else than what the model gave."""
    options = tf.compat.v1.ConfigProto()
    # for one run it costs more than it saves: ResNet50 7 s, else 2 s
    options.graph_options.rewrite_options.disable_meta_optimizer = True
    try:
        with tf.compat.v1.Session(graph=source.graph, config=options) as session:
            got = session.run(source.outputs, dict(zip(source.inputs, probe.arrays)))
    except Exception as e:
        raise SourceError(f'{way}: the graph fails on {probe}, where the model works: {_one_line(e)}. '
                          f'{CAUSES}') from e
    if len(got) != len(want):
        raise SourceError(f'{way}: the model gives {len(want)} outputs and the graph that was traced of it '
                          f'{len(got)}, for {probe}. {CAUSES}')
    limits = [_allowed(w, eps) for w in want]
    if not any(_differs(*pair) for pair in zip(got, want, limits)):
        return
    first, second = _ask(source, probe.arrays, times=2)
    changes = any(_differs(*pair) for pair in zip(first, second, limits))
    if changes and drawn:                               # random in inference: no two answers are the same
        return
    if changes:
        raise SourceError(f'{way}: the model gives another answer every time, and the graph, which draws no '
                          f'random numbers, always the same one. '
                          f'{CAUSES}')
    moves = _rounding(source, probe, want)
    for output, g, w, limit, moved in zip(source.outputs, got, want, limits, moves):
        if _differs(g, w, limit + 32 * moved):
            raise SourceError(_message(source, way, output, g, w, probe, drawn))


def _rounding(source: Source, probe: Probe, want: list[np.ndarray]) -> list[np.ndarray]:
    """How far outputs move, row by row, when the inputs move by a few roundings: what a network that is not
    well conditioned adds."""
    moves = [np.zeros(w.shape) for w in want]
    rng = np.random.default_rng(1)
    floating = [k for k, x in enumerate(source.inputs) if x.dtype.is_floating]
    for _ in range(2 if floating else 0):
        arrays = list(probe.arrays)
        for k in floating:
            eps = max(float(ml_dtypes.finfo(arrays[k].dtype).eps), 1e-7)
            arrays[k] = (arrays[k] * (1 + 4 * eps * rng.choice([-1, 1], arrays[k].shape))).astype(arrays[k].dtype)
        try:
            moved, = _ask(source, arrays)
        except Exception:                               # over the edge of what the model takes
            continue
        moves = [np.maximum(m, _distance(a, w)) if a.shape == w.shape else m for m, a,
                 w in zip(moves, moved, want)]
    return [np.broadcast_to(m.max(axis=tuple(range(1, m.ndim)), keepdims=True), m.shape) if m.size else m
            for m in moves]


def _differs(got: np.ndarray, want: np.ndarray, limit: np.ndarray) -> bool:
    return got.shape != want.shape or bool(np.any(_distance(got, want) > limit))


def _distance(got: np.ndarray, want: np.ndarray) -> np.ndarray:
    """How far the entries of two outputs are apart; infinite where only one of them is NaN or infinite, or
    where texts differ."""
    if got.dtype.kind in 'OSU' or want.dtype.kind in 'OSU':
        return np.where(got == want, 0., np.inf)
    g, w = _wide(got), _wide(want)
    with np.errstate(invalid='ignore'):
        apart = np.nan_to_num(np.abs(g - w), nan=np.inf)
    return np.where((g == w) | (np.isnan(g) & np.isnan(w)), 0., apart)


def _allowed(want: np.ndarray, eps: float) -> np.ndarray:
    """What rounding may change: the root of eps of how far the output varies, and less of its size, which a
    bias may make large. The last row varies more than the others."""
    if want.dtype.kind in 'OSU':
        return np.zeros(want.shape)
    w = _wide(want)
    w = np.where(np.isfinite(w), w, 0)

    def of(part):
        return eps ** .5 * np.abs(part - part.mean()).max() + min(64 * eps,
                                                                  eps ** .5) * np.abs(part).max() if part.size else 0.
    result = np.full(w.shape, of(w))
    if w.ndim and len(w) > 2:
        result[:-1] = of(w[:-1])
    return result


def _wide(values: np.ndarray) -> np.ndarray:
    return values.astype(np.complex128 if values.dtype.kind == 'c' else np.float64)


def _message(source: Source, way: str, output: tf.Tensor, got: np.ndarray, want: np.ndarray, probe: Probe,
             drawn: list[tuple[str, str]]) -> str:
    name = next((n for n, t in source.output_names if t is output), output.name)
    if got.shape != want.shape:
        how = f'has shape {got.shape} in the graph and {want.shape} in the model'
    elif not np.isfinite(_distance(got, want)).all():
        how = 'is NaN, infinite or another text in one of the two only'
    else:
        how = (f'differs by up to {_distance(got, want).max():.3g} where the largest value is '
               f'{np.nanmax(np.abs(_wide(want))):.3g}')
    random_too = f'The graph draws random numbers at "{drawn[0][0]}" ({drawn[0][1]}), and the model gives the same answer twice. ' if drawn else ''
    return f'{way}: the graph is not the model: output "{name}" {how}, for {probe}. {random_too}{CAUSES}'


def _coarsest(source: Source) -> float:
    """Eps of the coarsest floats in which the outputs are computed."""
    ops = ancestors(source.outputs, set())
    dtypes = {o.dtype.base_dtype for op in ops if op.type != 'Const' for o in op.outputs}
    for function in function_library(source.graph).values():
        dtypes |= {tf.as_dtype(a.type) for node in function.node_def if node.op != 'Const'
                   for a in node.attr.values() if a.type}
    return max([float(ml_dtypes.finfo(d.as_numpy_dtype).eps) for d in dtypes if d.is_floating], default=0.)


def _arrays(source: Source, rows: int, lengths: Sequence[int], values: str,
            tables: dict[int, int]) -> list[np.ndarray]:
    """An array for each input: values within the tables that they index, fixed sizes as they are. tables:
    input -> its rows."""
    rng = np.random.default_rng(0)
    result = []
    for k, x in enumerate(source.inputs):
        axes = iter([rows, *lengths])
        static = sizes(x) if x.shape.rank is not None else (None, None)
        if static and static[0] is not None:
            next(axes)
        shape = tuple(next(axes, 7) if d is None else d for d in static)
        result.append(_array(shape, x.dtype, tables.get(k), values, rng))
    return result


def _array(shape: tuple[int, ...], dtype: tf.DType, table: int | None, values: str,
           rng: np.random.Generator) -> np.ndarray:
    kind = dtype.as_numpy_dtype
    if values in ('zero', 'one'):
        return np.full(shape, int(values == 'one' and table != 1)).astype(kind)
    if dtype.is_bool:
        return np.full(shape, True) if values == 'positive' else rng.random(shape) < .6
    if dtype.is_integer or table is not None:
        most = 256 if table is None and dtype in (tf.uint8,) else table or 10
        if values == 'positive':
            return rng.integers(min(1, most - 1), min(3, most), shape).astype(kind)
        ids = rng.integers(0, most, shape)
        if len(shape) > 1 and shape[0] > 1 and shape[-1] > 3:
            ids[-1, ..., -2:] = 0                       # as padding
        return ids.astype(kind)
    if values == 'positive':
        return rng.uniform(.1, 1, shape).astype(kind)
    numbers = rng.normal(size=shape)
    if shape:
        numbers[-1:] *= 30                              # a row for models that scale their input down
    return (numbers + 1j * rng.normal(size=shape) if dtype.is_complex else numbers).astype(kind)


def _vocabularies(source: Source) -> dict[int, int]:
    """Input -> rows of the smallest table that it indexes, in the functions that the graph calls too."""
    functions = function_library(source.graph)
    found: dict[int, int] = {}
    integers = {k for k, x in enumerate(source.inputs) if x.dtype.is_integer}

    def look(nodes, ids, tables, depth):
        """nodes: (name, op type, inputs, node, constant). ids: name -> inputs of the model. tables: name ->
        constant."""
        for name, kind, inputs, node, constant in nodes:
            if constant is not None:
                tables[name] = constant
            elif kind in ('Identity', 'ReadVariableOp', 'Cast') and inputs and inputs[0] in tables:
                tables[name] = tables[inputs[0]]
            taken = set().union(*(ids.get(i, set()) for i in inputs)) if inputs else set()
            if kind in GATHERS:
                shape, axis = tables[inputs[0]].shape if inputs[0] in tables else (), tables.get(inputs[2]) if len(inputs) > 2 else None
                at = 0 if axis is None or axis.size != 1 else int(axis.ravel()[0])
                for k in ids.get(inputs[1], set()) if -len(shape) <= at < len(shape) else ():
                    found[k] = min(found.get(k, shape[at]), shape[at])
                continue
            called = [f for f in called_functions(node())
                      if f in functions] if node is not None and depth < 20 else []
            for name_of in called:
                given = inputs[1:] if kind in BRANCHES else inputs
                function = functions[name_of]
                arguments = [a.name for a in function.signature.input_arg]
                inside = {a: ids[i] for a, i in zip(arguments, given) if i in ids}
                look(_nodes_of(function), inside, {a: tables[i] for a, i in zip(arguments, given)
                                                   if i in tables}, depth + 1)
            kept = {k for k in taken if kind in KEEPS_IDS or (k in integers and kind not in SHAPE_ONLY
                                                              | {'ArgMax', 'ArgMin'})}
            if kept:
                ids.setdefault(name, set()).update(kept)

    ops = ancestors(source.outputs, set())
    start = {x.op.name: {k} for k, x in enumerate(source.inputs)}
    look([(op.name, op.type, [i.op.name for i in op.inputs],
           *_about(op.type, partial(getattr, op, 'node_def'))) for op in ops], start, {}, 0)
    return found


def _nodes_of(function: Any) -> list[tuple]:
    return [(node.name, node.op, [i.split(':')[0] for i in node.input if not i.startswith('^')],
             *_about(node.op, partial(_itself, node)))
            for node in function.node_def]


def _itself(node: Any) -> Any:
    return node


def _about(kind: str, node: Callable[[], Any]) -> tuple[Callable[[], Any] | None, np.ndarray | None]:
    """(the node, None), or (None, an array of the shape of the constant that it is, without taking memory
    where it is large)."""
    if kind != 'Const':
        return node, None
    value = node().attr['value'].tensor
    shape = tuple(d.size for d in value.tensor_shape.dim)
    return (None, tf.make_ndarray(value) if np.prod(shape) == 1 and value.dtype != tf.string.as_datatype_enum
            else np.broadcast_to(np.zeros(1), shape))
