"""Masks that a network makes of X by comparison: the steps of a sequence that are padding, seen by their
value.

Between x and a baseline such a mask jumps: a baseline of zeros is padding all over. What is explained is then
the network with the mask of x (`Path.held`). A mask is told from a decision that is part of the network, as
in tf.where(x > 0, x, 0), and from an encoding, as the 0 and 1 of a category, by two signs: it comes from X by
way of Equal or NotEqual with a constant, which hold on a set of measure zero, and nothing is done with it but
to let values of X pass or not.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from ..errors import PathError
from .batch_axis import PRIME_BATCH_SIZES
from .copies import detached
from .linear import CONTRACTIONS, LINEAR_IN
from .op_types import CONTAINERS, FUNCTION_CALLS, SHAPE_ONLY, V1_CONTROL_FLOW
from .path import Path
from .walks import ancestors, descendants

# What may stand between X and the comparison: the entries themselves, one by one or together, not what a
# layer made of them.
_PLAIN = {'Identity', 'Reshape', 'ExpandDims', 'Squeeze', 'Transpose', 'StridedSlice', 'Slice', 'Split',
          'SplitV', 'Unpack', 'ConcatV2', 'Pack',
          'Cast', 'Abs', 'Square', 'Neg', 'Sum', 'Max', 'Min', 'Mean', 'Mul', 'Add', 'AddV2', 'Sub',
          'RealDiv', 'GatherV2', 'EnsureShape', 'Sqrt',
          'Pad', 'PadV2'}
_PASSES_OR_NOT = {'Mul', 'MulNoNan', 'RealDiv', 'Div', 'DivNoNan', 'Xdivy', 'Select', 'SelectV2', 'GatherV2',
                  'GatherNd', 'ReverseSequence', 'Gather',
                  'StridedSlice', 'Slice'} | CONTRACTIONS | CONTAINERS | FUNCTION_CALLS | V1_CONTROL_FLOW
_INFINITE_AT_0 = {'Log', 'Reciprocal', 'Inv', 'Rsqrt', 'Sqrt', 'Pow', 'Xlogy', 'Xdivy'}
_SUMS = {'Add', 'AddV2', 'Sub', 'AddN'}
_SCORES = {'Identity', 'Reshape', 'Transpose', 'ExpandDims', 'Squeeze', 'Cast', 'Mul', 'RealDiv', 'Maximum',
           'Minimum'} | _SUMS
_SOFTMAXES = {'Softmax', 'LogSoftmax', 'Exp', 'Max'}


def masks(path: Path) -> list[tf.Tensor]:
    """The comparisons on a path, in its graph, that make masks of X; none where T would not depend on one of
    X any more."""
    names = {x.name for x in path.inputs}
    found = [op for op in path.ops if op.type in ('Equal', 'NotEqual') and op.inputs[0].dtype.is_floating
             and len(path.varying_inputs(op)) == 1
             and _is_plain(op, path, names)]
    if not found:
        return []
    made = {op.name for op in found}
    varying = descendants([op for op in path.ops if op.name not in made], names, SHAPE_ONLY)
    users: dict[str, list[tf.Operation]] = {}
    for op in path.ops:
        for i in op.inputs:
            users.setdefault(i.name, []).append(op)
    held = [op.outputs[0] for op in found if not _divides(op.inputs[path.varying_inputs(op)[0]], users)
            and _lets_pass(op.outputs[0], path.target, varying, users)]
    try:
        Path(path.target, path.inputs, held=held)
    except PathError:
        return []
    return held


def _is_plain(comparison: tf.Operation, path: Path, names: set[str]) -> bool:
    return all(op.type in _PLAIN and (op.type not in ('Mul', 'RealDiv') or len(path.varying_inputs(op)) == 1)
               for op in ancestors(comparison.inputs, names) if path.varying_inputs(op))


def _lets_pass(mask: tf.Tensor, target: tf.Tensor, varying: set[str],
               users: dict[str, list[tf.Operation]]) -> bool:
    """Whether all that is done with a mask is to choose, scale or hide what depends on X otherwise."""
    stack, seen = [mask], {mask.name}
    while stack:
        t = stack.pop()
        if t.name == target.name:
            return False
        for op in users.get(t.name, ()):
            if op.type in SHAPE_ONLY:
                continue
            if any(i.name in varying for i in op.inputs):
                if op.type in ('Select', 'SelectV2') and _divides(op.outputs[0], users):
                    return False
                if op.type not in _PASSES_OR_NOT and not (op.type in _SUMS and _are_scores(op, users)):
                    return False
            elif op.type in CONTRACTIONS:
                return False                    # times weights: an encoding
            else:
                stack += [o for o in op.outputs if o.name not in seen]
                seen.update(o.name for o in op.outputs)
    return True


def _divides(t: tf.Tensor, users: dict[str, list[tf.Operation]]) -> bool:
    """Whether a tensor is divided by, or is where a function is infinite at 0: what compares it with 0 is a
    guard."""
    return any(op.type in _INFINITE_AT_0 or (op.type in LINEAR_IN and op.inputs[1].name == t.name)
               for op in users.get(t.name, ()))


def _are_scores(op: tf.Operation, users: dict[str, list[tf.Operation]]) -> bool:
    """Whether a sum goes into a softmax, and nowhere else."""
    following = [user for o in op.outputs for user in users.get(o.name, ()) if user.type not in SHAPE_ONLY]
    return bool(following) and all(f.type in _SOFTMAXES or (f.type in _SCORES and _are_scores(f, users))
                                   for f in following)


def have_rows(held: Sequence[tf.Tensor], inputs: Sequence[tf.Tensor]) -> bool:
    """Whether the first axis of every mask is the batch of X."""
    ops = ancestors(held, {x.name for x in inputs})
    for rows in PRIME_BATCH_SIZES:
        with tf.Graph().as_default():
            given = {x.name: tf.compat.v1.placeholder(x.dtype, [rows, *x.shape.as_list()[1:]])
                     for x in inputs}
            used = {i.name for op in ops for i in op.inputs}
            try:
                copies = tf.graph_util.import_graph_def(detached(ops), name='',
                                                        input_map={n: t for n, t in given.items()
                                                                   if n in used},
                                                        return_elements=[t.name for t in held])
            except ValueError:
                return False
            if any(not t.shape.rank or t.shape.as_list()[0] != rows for t in copies):
                return False
    return True
