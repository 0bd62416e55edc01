"""Tensors of the user's graph and of the functions that it calls, in a way that does not depend on where an
op stands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from ..constants import constant_value
from ..copies import detached
from ..functions import function_library, import_body
from ..op_types import FUNCTION_CALLS
from ..walks import ancestors

# ops that hand on their input; without StopGradient: a T that is cut off on purpose stays so
SAME = {'Identity', 'IdentityN', 'Snapshot', 'PreventGradient', 'CheckNumerics', 'EnsureShape'}


class Frame:
    """The user's graph, or the body of a function that is called in it.

    call, parent: the op that calls the function, and the frame in which it does.
    results: what the function returns.
    """

    def __init__(self, graph: tf.Graph) -> None:
        self.graph = graph
        self.call: tf.Operation | None = None
        self.parent: Frame | None = None
        self.results: list[tf.Tensor] = []
        self.arguments: dict[str, int] = {}         # name of an argument -> position of the input of `call`
        self._opened: dict[tuple[str, str], Frame] = {}

    def open(self, op: tf.Operation, function: str, first: int = 0) -> Frame:
        """The body of a function that `op` calls; its arguments are the inputs of `op` from `first` on."""
        if (op.name, function) not in self._opened:
            root = self
            while root.parent is not None:
                root = root.parent
            library = function_library(root.graph)
            body = import_body(library[function], library)
            frame = Frame(body.graph)
            frame.call, frame.parent = op, self
            frame.arguments = {a: first + k for k, a in enumerate(body.arguments)}
            frame.results = [body.graph.get_tensor_by_name(r) for r in body.results]
            self._opened[op.name, function] = frame
        return self._opened[op.name, function]

    def value(self, tensor: tf.Tensor) -> Value:
        """A tensor, or where it comes from if ops and functions in between only hand it on."""
        frame = self
        while True:
            op = tensor.op
            if op.type in SAME:
                tensor = op.inputs[tensor.value_index]
            elif op.type in FUNCTION_CALLS:
                frame = frame.open(op, op.get_attr('f').name)
                tensor = frame.results[tensor.value_index]
            elif tensor.name in frame.arguments and frame.call is not None and frame.parent is not None:
                tensor, frame = frame.call.inputs[frame.arguments[tensor.name]], frame.parent
            else:
                return Value(frame, tensor)


@dataclass(frozen=True)
class Value:
    """A tensor of a frame."""
    frame: Frame
    tensor: tf.Tensor

    @property
    def op(self) -> tf.Operation:
        """The op that gives the tensor."""
        return self.tensor.op

    @property
    def type(self) -> str:
        """The type of the op."""
        return self.op.type

    @property
    def inputs(self) -> list[Value]:
        """The inputs of the op, each where it comes from."""
        return [self.frame.value(i) for i in self.op.inputs]

    @property
    def either_way(self) -> tuple[list[Value], list[Value]]:
        """The two inputs of an op in both orders."""
        return self.inputs, self.inputs[::-1]

    @property
    def key(self) -> tuple[int, str]:
        """What is equal for equal tensors."""
        return id(self.frame), self.tensor.name

    @property
    def constant(self) -> np.ndarray | None:
        """The value, if it is a constant of the graph."""
        value = self.before({'Cast'})
        return constant_value(value.tensor) if value.type == 'Const' else None

    def equals(self, number: float) -> bool:
        """Whether this is a constant with all entries equal to `number`."""
        value = self.constant
        return (value is not None and value.dtype != object
                and bool(np.all(np.asarray(value, np.float64) == number)))

    def before(self, types: set[str]) -> Value:
        """Where this comes from if ops of these types hand it on."""
        value = self
        while value.type in types:
            value = value.inputs[0]
        return value

    def in_user_graph(self) -> tf.Tensor:
        """The tensor in the user's graph. For a tensor in a function, the ops that it needs are added
        again."""
        parent, call = self.frame.parent, self.frame.call
        if parent is None or call is None:
            return self.tensor
        ops = ancestors([self.tensor], set())
        made = {o.name for op in ops for o in op.outputs[:1]}
        used = {name: k for name, k in self.frame.arguments.items() if name in made}
        substitutes = {name: Value(parent, call.inputs[k]).in_user_graph() for name, k in used.items()}
        nodes = detached(op for op in ops if f'{op.name}:0' not in used)
        return tf.graph_util.import_graph_def(nodes, name='', input_map=substitutes,
                                              return_elements=[self.tensor.name])[0]

    def repeated(self, substitutes: dict[int, tf.Tensor]) -> tf.Tensor:
        """The op once more in the user's graph, with other tensors at some positions."""
        inputs = [substitutes[k] if k in substitutes else Value(self.frame, i).in_user_graph()
                  for k, i in enumerate(self.op.inputs)]
        graph = tf.compat.v1.get_default_graph()
        op = graph.create_op(self.type, inputs, [o.dtype for o in self.op.outputs], name=self.type,
                             attrs=_attributes(self.op), op_def=self.op.op_def)
        return op.outputs[self.tensor.value_index]


def same(a: Value, b: Value, depth: int = 12) -> bool:
    """Whether two values are computed alike from the same tensors, as where tf.exp(z) is called twice."""
    if a.key == b.key:
        return True
    if depth == 0 or a.type != b.type or a.tensor.value_index != b.tensor.value_index:
        return False
    if a.op.op_def.is_stateful or a.type == 'Placeholder' or len(a.op.inputs) != len(b.op.inputs):
        return False
    if _attributes(a.op) != _attributes(b.op) or (not a.op.inputs and a.type != 'Const'):
        return False
    return all(same(i, j, depth - 1) for i, j in zip(a.inputs, b.inputs))


def _attributes(op: tf.Operation) -> dict:
    return {k: v for k, v in op.node_def.attr.items() if not k.startswith('_')}
