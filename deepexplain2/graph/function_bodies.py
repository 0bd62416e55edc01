"""What happens inside the loops and conditionals of a path: which ops there take values of X."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import tensorflow as tf

from ..errors import RuleError
from .functions import functions_of, import_body
from .op_types import BRANCHES, CONTAINERS, LOOPS, SHAPE_ONLY
from .passes.paired import ACTUAL, REFERENCE
from .path import Path
from .walks import descendants


class Body:
    """The ops of a function that a loop or conditional calls.

    Parameters
    ----------
    function, library
        The function, and all functions by name.
    varying : set of int
        Positions of the arguments that change with X.
    prefix : str
        What messages put before the names of the ops.
    moving : iterable of int
        Positions of the arguments that change from one iteration to the next of a loop around the function.
    counted : bool
        Whether the number of iterations of the loops around the function does not depend on X.

    Attributes
    ----------
    ops : list of tf.Operation
        The ops of the function in a graph of its own, without those of the reference.
    results : set of str
        Names of the results.
    outputs : set of int
        Positions of the results that change with X.
    changed : set of int
        Positions of the results that are not the argument at the same position.
    """

    def __init__(self, function, library: Mapping, varying: set[int], prefix: str, moving: Iterable[int] = (),
                 counted: bool = True):
        self.prefix, self.function, self.counted = prefix, function.signature.name, counted
        body = import_body(function, library)
        ops, arguments = body.graph.get_operations(), body.arguments
        self._varying = descendants(ops, {arguments[k] for k in varying}, SHAPE_ONLY)
        self._moving = descendants(ops, {arguments[k] for k in moving}, SHAPE_ONLY)
        self.ops = [op for op in ops if not op.name.startswith(REFERENCE)]
        self.results = set(body.results)
        self.outputs = {k for k, r in enumerate(body.results) if r in self._varying}
        self.changed = {k for k, r in enumerate(body.results) if k >= len(arguments)
                        or _origin(body.graph.get_tensor_by_name(r)) != arguments[k]}

    def varying_inputs(self, op: tf.Operation) -> list[int]:
        """Positions of the inputs of `op` that change with X."""
        return [k for k, i in enumerate(op.inputs) if i.name in self._varying]

    def moves(self, tensor: tf.Tensor) -> bool:
        """Whether a tensor can change from one iteration of a loop to the next."""
        return tensor.name in self._moving

    def name(self, op: tf.Operation) -> str:
        """What a message calls an op, with its type."""
        return f'"{self.prefix}{op.name.removeprefix(ACTUAL)}" ({op.type})'


def inside(path: Path, library: Mapping, paired: bool) -> Iterator[Body]:
    """The bodies of all functions in the loops and conditionals of the path, nested ones included.

    paired: raise RuleError where x and a reference could take another number of iterations or another branch.
    """
    for op in path.ops:
        if op.type in CONTAINERS:
            yield from _open(op, set(path.varying_inputs(op)), library, path.name(op).split('"')[1] + '/',
                             paired, set(), True)


def _open(op: tf.Operation, varying: set[int], library: Mapping, prefix: str, paired: bool, moving: set[int],
          counted: bool) -> Iterator[Body]:
    """The bodies of one loop or conditional, which takes values of X at the positions `varying`."""
    functions = [library[name] for name in functions_of(op.node_def)]
    way_out = 'Use a method that needs no reference'
    if op.type in LOOPS:
        condition, body = functions
        while True:                             # until no more variables vary because of the body
            opened = Body(body, library, varying, prefix)
            if opened.outputs <= varying:
                break
            varying = varying | opened.outputs
        counted = counted and not Body(condition, library, varying, prefix).outputs
        if paired and not counted:
            raise RuleError(f'the number of iterations of "{prefix[:-1]}" ({op.type}) between X and T '
                            f'depends on X: x and the baseline may need different ones. {way_out}')
        bodies = [Body(body, library, varying, prefix, moving | opened.changed, counted)]
    else:
        if paired and 0 in varying:
            raise RuleError(f'the branch that "{prefix[:-1]}" ({op.type}) between X and T takes depends on '
                            f'X: x and the baseline may take different ones. {way_out}')
        # the arguments of a branch begin with the second input
        varying, moving = ({k - 1 for k in positions if k} for positions in (varying, moving))
        bodies = [Body(f, library, varying, prefix, moving, counted) for f in functions]
    for opened in bodies:
        yield opened
        for inner in opened.ops:
            if inner.type in CONTAINERS and opened.varying_inputs(inner):
                yield from _open(inner, set(opened.varying_inputs(inner)), library,
                                 f'{prefix}{inner.name.removeprefix(ACTUAL)}/', paired,
                                 {k for k, i in enumerate(inner.inputs) if opened.moves(i)}, opened.counted)


def _origin(tensor: tf.Tensor) -> str:
    """The name of a tensor before identities."""
    while tensor.op.type == 'Identity':
        tensor = tensor.op.inputs[0]
    return tensor.name


def decides(op: tf.Operation, varying: list[int]) -> bool:
    """Whether X decides which branch a conditional takes."""
    return op.type in BRANCHES and 0 in varying


def is_counted(op: tf.Operation, library: Mapping) -> bool:
    """Whether the first variable of a loop counts its iterations, as TensorFlow's gradient of loops assumes:
    without a counter that gradient is 0."""
    body = library[functions_of(op.node_def)[1]]
    nodes = {node.name: node for node in body.node_def}
    node = nodes.get(body.ret[body.signature.output_arg[0].name].split(':')[0])
    while node is not None and node.op == 'Identity':
        node = nodes.get(node.input[0].split(':')[0])
    if node is None or node.op not in ('Add', 'AddV2'):
        return False
    names = [i.split(':')[0] for i in node.input[:2]]
    first, steps = body.signature.input_arg[0].name, [nodes[name] for name in names if name in nodes]
    return (first in names and len(steps) == 1 and steps[0].op == 'Const'
            and tf.make_ndarray(steps[0].attr['value'].tensor).tolist() == 1)
