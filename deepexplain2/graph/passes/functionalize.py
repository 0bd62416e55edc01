"""Loops and conditionals of TF1 (Enter, Switch, Merge, NextIteration, Exit) as While and If, with functions
for their insides.

What is inside what is read off the ops alone, so that graphs imported without TensorFlow's Python contexts do
as well. The context of a tensor is a stack: an Enter pushes its frame and an Exit pops it, a Switch pushes
(predicate, branch) and a Merge pops it. A While or If is then built by TensorFlow's own while_v2 and cond_v2
in a graph of its own, from the ops that its results need.

A TensorArray of TF1 lives in a resource, with a number, its flow, for the order of operations; here the flow
is a TensorList, as it is in TensorFlow's own version for functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import tensorflow as tf
from tensorflow.python.framework.func_graph import FuncGraph

from ...errors import DeepExplainError, PathError, RuleError
from ..copies import stand_in
from ..op_types import V1_CONTROL_FLOW
from ..path import Path
from ..walks import ancestors

ENTER, EXIT, SWITCH, MERGE, NEXT, IDENTITY = ({name, f'Ref{name}'}
                                              for name in ('Enter', 'Exit', 'Switch', 'Merge',
                                                           'NextIteration', 'Identity'))
PASSING = ENTER | EXIT | SWITCH | MERGE | NEXT | IDENTITY
# what gives a flow
ARRAYS = {'TensorArrayV3', 'TensorArrayWriteV3', 'TensorArrayScatterV3', 'TensorArraySplitV3'}
# what takes one
READS = {'TensorArrayReadV3', 'TensorArrayGatherV3', 'TensorArraySizeV3', 'TensorArrayConcatV3'}
SMALL = 64

Context = tuple[tuple[str, int], ...]       # (frame, -1) or (predicate, branch), outermost first


@dataclass(frozen=True)
class Functional:
    """A path in a graph of its own, without control flow of TF1.

    ops: all ops that the target needs there, inputs before users. given: the tensors there that stand for
        tensors of the user's graph.
    sources: these tensors of the user's graph, X aside.
    """
    graph: tf.Graph
    ops: list[tf.Operation]
    target: tf.Tensor
    given: dict[str, tf.Tensor]
    sources: list[tf.Tensor]


def functional(path: Path) -> Functional:
    """The path with While and If in place of Enter, Switch and the like. Adds nothing to the user's graph.

    Raises RuleError where the ops do not form loops and conditionals, and for array ops without a
    counterpart.
    """
    return _Translation(path).result()


def has_loops(path: Path) -> bool:
    """Whether there is control flow of TF1, or one of its arrays, on the path."""
    return any(op.type in V1_CONTROL_FLOW or op.type in ARRAYS | READS for op in path.ops)


def conditions(path: Path) -> dict[str, list[tuple[tf.Tensor, int]]]:
    """The conditionals of TF1 around each op, by its name: (predicate, the value that leads there)."""
    if not any(op.type in V1_CONTROL_FLOW for op in path.ops):
        return {}
    translation = _Translation(path)

    def outside(predicate):                 # one that came in through the branch around
        while predicate.op.type in IDENTITY | SWITCH and not _of_loop(predicate.op):
            predicate = predicate.op.inputs[0]
        return predicate
    return {name: [(outside(translation._predicates[p]), branch) for p, branch in context if branch >= 0]
            for name, context in translation._around.items()}


@dataclass
class _Scope:
    """A function under construction, or the graph around all. known: the user's tensors that have a
    counterpart here."""
    context: Context
    label: str
    graph: tf.Graph
    outer: _Scope | None
    known: dict[str, tf.Tensor]


class _Translation:
    def __init__(self, path: Path):
        self._path = path
        self._on_path = {op.name for op in path.ops}
        self._order = _before(path.target)
        self._contexts: dict[str, Context] = {}             # by tensor
        self._around: dict[str, Context] = {}               # by op
        self._predicates: dict[str, tf.Tensor] = {}
        self._loops: dict[str, _Loop] = {}                  # by LoopCond
        self._conditionals: dict[str, _Conditional] = {}    # by Merge
        # tensors that stand for an array: handles and flows
        self._arrays: set[str] = set()
        for op in self._order:
            self._locate(op)
        # not the user's, whose collections a FuncGraph would share
        with tf.Graph().as_default():
            graph = FuncGraph('deepexplain2')
        # kept for the copies of these ops: what TensorFlow adds takes other names
        for name in self._on_path:
            graph.unique_name(name)
        self._root = _Scope((), '', graph, None, {})
        self._sources: list[tf.Tensor] = []

    def result(self) -> Functional:
        path, root = self._path, self._root
        for tensor in (path.target, *path.inputs):
            if self._contexts.get(tensor.name):
                raise PathError(f'{path.name(tensor)} is inside a loop or conditional of TF1, where it is '
                                f'computed any number of times. '
                                'Choose a tensor outside')
        xs = {x.name for x in path.inputs}
        with root.graph.as_default():
            library = tf.compat.v1.GraphDef(
                library=path.target.graph.as_graph_def(add_shapes=False).library) if self._calls() else None
            if library is not None:
                tf.graph_util.import_graph_def(library, name='')
            for x in path.inputs:
                self._give(x, tf.compat.v1.placeholder(x.dtype, x.shape, x.op.name))
        try:
            target, = self._values([path.target], root)
        except (ValueError, TypeError, KeyError) as e:
            if isinstance(e, DeepExplainError):
                raise
            loop = next(op for op in path.ops if op.type in V1_CONTROL_FLOW | ARRAYS | READS)
            raise _refused(loop, f'that TensorFlow does not take as a function: {e}') from e
        given = {root.known[t.name].name: t for t in [*self._sources, *path.inputs]}
        ops = [op for op in ancestors([target], set(given)) if f'{op.name}:0' not in given]
        return Functional(root.graph, ops, target, given, [t for t in self._sources if t.name not in xs])

    def _calls(self) -> bool:
        return any(a.HasField('func') or a.list.func for op in self._order for a in op.node_def.attr.values())

    # Where things are

    def _locate(self, op: tf.Operation) -> None:
        """The context of the outputs of `op`, from those of its inputs."""
        around = max([self._contexts.get(i.name, ()) for i in op.inputs if i.op.type not in NEXT]
                     + [self._around.get(c.name, ()) for c in op.control_inputs], key=len, default=())
        self._around[op.name] = around
        after = [around] * len(op.outputs)
        if op.type in ENTER:
            after = [(*around, (op.get_attr('frame_name').decode(), -1))]
        elif op.type in EXIT:
            after = [around[:-1]]
        elif op.type in SWITCH and not _of_loop(op):
            predicate = _origin(op.inputs[1])
            self._predicates[predicate.name] = predicate
            after = [(*around, (predicate.name, k)) for k in (0, 1)]
        elif op.type in MERGE and not _of_loop(op):
            after = [_common([self._contexts[i.name] for i in op.inputs])] * 2
        if op.type not in ENTER | SWITCH:
            self._around[op.name] = after[0] if after else around
        self._contexts.update((o.name, c) for o, c in zip(op.outputs, after))
        if op.type in ARRAYS or (op.type in PASSING and any(i.name in self._arrays for i in op.inputs)):
            self._arrays.update(o.name for o in op.outputs)

    def _behind(self, tensors: Sequence[tf.Tensor], contexts: Sequence[Context]) -> tuple[list[tf.Operation],
                                                                                          list[tf.Tensor]]:
        """(ops, tensors): what `tensors` are computed from inside one of `contexts`, and what comes in from
        outside of it."""
        ops, entering, stack = {}, {}, list(tensors)
        while stack:
            tensor = stack.pop()
            if not any(self._contexts[tensor.name][:len(c)] == c for c in contexts):
                entering[tensor.name] = tensor
            elif tensor.op.name not in ops:
                ops[tensor.op.name] = tensor.op
                stack += tensor.op.inputs
        return list(ops.values()), list(entering.values())

    # Counterparts

    def _values(self, tensors: Sequence[tf.Tensor], scope: _Scope) -> list[tf.Tensor]:
        """The counterparts in `scope` of tensors of the user's graph, made where there are none."""
        stack, waiting = list(tensors), set()
        while stack:
            tensor = stack[-1]
            missing = [] if tensor.name in scope.known else [t for t in self._needs(tensor, scope)
                                                             if t.name not in scope.known]
            if missing and tensor.name in waiting:
                raise _refused(tensor.op, 'in an order that no loop or conditional has')
            if missing:
                waiting.add(tensor.name)
                stack += missing
                continue
            if tensor.name not in scope.known:
                with scope.graph.as_default(), scope.graph.name_scope(None):
                    self._make(tensor, scope)
            stack.pop()
        return [scope.known[t.name] for t in tensors]

    def _is_outside(self, tensor: tf.Tensor, scope: _Scope) -> bool:
        """Whether the value comes from around `scope`: around the root that is the user's graph."""
        if scope.outer is None:
            return tensor.op.name not in self._on_path and tensor.name not in self._arrays
        context = self._contexts[tensor.name]
        # gradient functions like to see axes and shapes
        if tensor.op.type == 'Const' and tensor.shape.num_elements() <= SMALL:
            return False
        return len(context) < len(scope.context)

    def _needs(self, tensor: tf.Tensor, scope: _Scope) -> list[tf.Tensor]:
        """Tensors that must have a counterpart in `scope` before `tensor` can be given one."""
        op, context = tensor.op, self._contexts[tensor.name]
        if self._is_outside(tensor, scope):
            return []
        if op.type != 'Const' and context != scope.context:
            raise _refused(op, f'used outside of its loop or conditional, in "{scope.label or "the graph"}"')
        if op.type in ENTER or (op.type in SWITCH and not _of_loop(op)):
            return []
        if op.type in SWITCH:
            return [op.inputs[0]]
        if op.type in EXIT:
            return self._loop(op).entering
        if op.type in MERGE:
            return self._conditional(op).entering
        return list(op.inputs)[1:] if op.type in READS | ARRAYS - {'TensorArrayV3'} else list(op.inputs)

    def _make(self, tensor: tf.Tensor, scope: _Scope) -> None:
        op, known = tensor.op, scope.known
        if self._is_outside(tensor, scope):
            self._give(tensor) if scope.outer is None else known.update({tensor.name: self._values([tensor],
                                                                                                   scope.outer)[0]})
        elif op.type in ENTER or (op.type in SWITCH and not _of_loop(op)):
            if scope.outer is None or (op.type in ENTER and not op.get_attr('is_constant')):
                raise _refused(op, 'that belongs to no loop')
            known[tensor.name], = self._values([op.inputs[0]], scope.outer)
        elif op.type in EXIT:
            self._make_loop(self._loop(op), scope)
        elif op.type in MERGE:
            self._make_conditional(self._conditional(op), scope)
        elif op.type in SWITCH or (op.type in PASSING and tensor.name in self._arrays):
            known[tensor.name] = known[op.inputs[0].name]
        elif op.type in READS | ARRAYS:
            results = self._array_op(op, [known.get(i.name) for i in op.inputs])
            for output, result in zip(op.outputs, results):
                if output.name not in self._arrays:
                    result.set_shape(output.shape)
                known[output.name] = result
        else:
            self._copy(op, scope)
        if tensor.name not in known:
            raise _refused(op, f'of which output {tensor.value_index} has no counterpart')

    def _give(self, tensor: tf.Tensor, stand: tf.Tensor | None = None) -> None:
        """Let a tensor of the user's graph enter."""
        self._root.known[tensor.name] = stand_in(tensor, self._root.graph.unique_name(tensor.op.name,
                                                                                      False)) if stand is None else stand
        self._sources.append(tensor)

    def _copy(self, op: tf.Operation, scope: _Scope) -> None:
        if op.type in V1_CONTROL_FLOW or any(i.name in self._arrays for i in op.inputs):
            raise _refused(op, 'that a function cannot hold')
        attrs = {k: v for k, v in op.node_def.attr.items() if k != '_class'}
        # with '/' exactly that
        name = f'{op.name}/' if scope.outer is None else _inside(op.name, scope.label)
        new = scope.graph.create_op(op.type.removeprefix('Ref') if op.type in IDENTITY else op.type,
                                    [scope.known[i.name] for i in op.inputs],
                                    [o.dtype.base_dtype for o in op.outputs], name=name, attrs=attrs)
        for ours, output in zip(new.outputs, op.outputs):
            ours.set_shape(output.shape)
            scope.known[output.name] = ours

    # Loops

    def _loop(self, exit_op: tf.Operation) -> _Loop:
        """The loop that an Exit leaves."""
        switch = exit_op.inputs[0].op
        if switch.type not in SWITCH or not _of_loop(switch):
            raise _refused(exit_op, 'behind no Switch of a loop')
        condition = switch.inputs[1].op
        if condition.name not in self._loops:
            exits = [op for op in self._order if op.type in EXIT and op.inputs[0].op.type in SWITCH
                     and op.inputs[0].op.inputs[1].op is condition]
            context = self._contexts[condition.name + ':0']
            ops, entering = self._behind([e.inputs[0] for e in exits], [context])
            merges = [op for op in ops if op.type in MERGE and _of_loop(op)
                      and self._contexts[op.outputs[0].name] == context]
            for op in merges:
                if sorted(i.op.type in NEXT
                          for i in op.inputs) != [False, True] or not any(i.op.type in ENTER
                                                                          for i in op.inputs):
                    raise _refused(op, 'that does not join an Enter and a NextIteration')
            self._loops[condition.name] = _Loop(condition, context, exits, merges, entering)
        return self._loops[condition.name]

    def _make_loop(self, loop: _Loop, scope: _Scope) -> None:
        label = _label(loop.condition)
        enters = [next(i.op for i in m.inputs if i.op.type in ENTER) for m in loop.merges]
        ways_back = [next(i.op for i in m.inputs if i.op.type in NEXT).inputs[0] for m in loop.merges]

        def inside(variables, wanted):
            known = {m.outputs[0].name: v for m, v in zip(loop.merges, variables)}
            return self._values(wanted, _Scope(loop.context, label, tf.compat.v1.get_default_graph(), scope,
                                               known))
        results = tf.while_loop(
            lambda *variables: inside(variables, [loop.condition.inputs[0]])[0],
                                lambda *variables: inside(variables, ways_back),
            self._values([e.inputs[0] for e in enters], scope), [self._invariant(m, w) for m,
                                                                 w in zip(loop.merges, ways_back)],
            enters[0].get_attr('parallel_iterations'), name=_inside(label, scope.label))
        by_merge = dict(zip((m.name for m in loop.merges), results))
        for e in loop.exits:
            scope.known[e.outputs[0].name] = by_merge[e.inputs[0].op.inputs[0].op.name]

    def _invariant(self, merge: tf.Operation, way_back: tf.Tensor) -> tf.TensorShape:
        """What is known of the shape of a loop variable in every iteration."""
        if merge.outputs[0].name in self._arrays:
            return tf.TensorShape([])
        shape, seen = merge.outputs[0].shape, [way_back.shape, *(i.shape for i in merge.inputs
                                                                 if i.op.type in ENTER)]
        return shape if all(s.is_subtype_of(shape) for s in seen) else tf.TensorShape(None)

    # Conditionals

    def _conditional(self, merge: tf.Operation) -> _Conditional:
        """The conditional that ends in `merge`, with the other results of the same tf.cond."""
        if merge.name in self._conditionals:
            return self._conditionals[merge.name]
        first = self._branches(merge)
        predicates = self._own_predicate(merge, first)
        group = {merge.name: (merge, first)}
        for op in self._order if predicates else ():
            if op.type in MERGE and not _of_loop(op) and any(self._contexts[i.name] in first.contexts
                                                             for i in op.inputs):
                other = self._branches(op)
                if other.contexts == first.contexts and self._own_predicate(op, other) == predicates:
                    group[op.name] = op, other
        merges = [m for m, _ in group.values()]
        sides = tuple([b.sides[k] for _, b in group.values()] for k in (0, 1))
        entering = {t.name: t for k in (0, 1) for t in self._behind(sides[k], [first.contexts[k]])[1]}
        predicate = self._predicates[first.contexts[0][-1][0]]
        found = _Conditional(predicate, first.contexts, merges, sides, [predicate, *entering.values()])
        self._conditionals.update(dict.fromkeys(group, found))
        return found

    def _branches(self, merge: tf.Operation) -> _Branches:
        outer = self._contexts[merge.outputs[0].name]
        pushed = {self._contexts[i.name][len(outer):]: i for i in merge.inputs}
        keys = [k for k in pushed if k]
        if len(merge.inputs) != 2 or len(pushed) != 2 or not keys or any(len(k) != 1 or k[0][1] < 0
                                                                         for k in keys) \
                or len({k[0][0] for k in keys}) != 1:
            raise _refused(merge, 'that does not join the two branches of a conditional')
        name, branch = keys[0][0]
        others = [i for k, i in pushed.items() if k != keys[0]]
        sides = (others[0], pushed[keys[0]]) if branch else (pushed[keys[0]], others[0])
        return _Branches(sides, ((*outer, (name, 0)), (*outer, (name, 1))))

    def _own_predicate(self, merge: tf.Operation, branches: _Branches) -> set[str]:
        """The name of the predicate that tf.cond made for itself alone (pred_id), which tells two
        conditionals on one predicate apart."""
        found = set()
        for side, context in zip(branches.sides, branches.contexts):
            for op in self._behind([side], [context])[0]:
                if op.type in SWITCH and not _of_loop(op) and self._contexts[op.outputs[0].name][:-1] == context[:-1]:
                    found.add(op.inputs[1].op.name)
        return {name for name in found if name.split('/')[-1].startswith('pred_id')}

    def _make_conditional(self, conditional: _Conditional, scope: _Scope) -> None:
        label = _label(conditional.merges[0])

        def branch(k):
            inner = _Scope(conditional.contexts[k], label, tf.compat.v1.get_default_graph(), scope, {})
            return self._values(conditional.sides[k], inner)
        results = tf.cond(scope.known[conditional.predicate.name], lambda: branch(1), lambda: branch(0),
                          name=_inside(label, scope.label))
        for merge, result in zip(conditional.merges, tf.nest.flatten(results)):
            if merge.outputs[0].name not in self._arrays:
                result.set_shape(merge.outputs[0].shape)
            scope.known[merge.outputs[0].name] = result

    # Arrays

    def _array_op(self, op: tf.Operation, inputs: list[tf.Tensor]) -> list[tf.Tensor]:
        """The outputs of an op on arrays, of its counterpart on lists."""
        raw, dtype, shape = tf.raw_ops, *self._elements(_array_of(op))
        if op.type == 'TensorArrayV3':
            made = raw.TensorListReserve(element_shape=shape, num_elements=inputs[0], element_dtype=dtype)
            return [made, made]
        flow = inputs[-1]
        if op.type == 'TensorArrayWriteV3':
            resizes = {
                'resize_if_index_out_of_bounds': True} if _array_of(op).get_attr('dynamic_size') else {}
            return [raw.TensorListSetItem(input_handle=flow, index=inputs[1], item=inputs[2], **resizes)]
        if op.type == 'TensorArrayScatterV3':
            return [raw.TensorListScatterIntoExistingList(input_handle=flow, tensor=inputs[2],
                                                          indices=inputs[1])]
        if op.type == 'TensorArraySplitV3':
            return [raw.TensorListSplit(tensor=inputs[1], element_shape=shape, lengths=inputs[2])]
        if op.type == 'TensorArraySizeV3':
            return [raw.TensorListLength(input_handle=flow)]
        if op.type == 'TensorArrayConcatV3':
            return list(raw.TensorListConcatV2(input_handle=flow, element_shape=_asked(op.outputs[0].shape),
                                               element_dtype=dtype,
                                               leading_dims=tf.constant([], tf.int64)))
        if op.type == 'TensorArrayGatherV3':
            return [raw.TensorListGather(input_handle=flow, indices=inputs[1],
                                         element_shape=_asked(op.outputs[0].shape[1:]), element_dtype=dtype)]
        return [raw.TensorListGetItem(input_handle=flow, index=inputs[1],
                                      element_shape=_asked(op.outputs[0].shape), element_dtype=dtype)]

    def _elements(self, array: tf.Operation) -> tuple[tf.DType, tf.Tensor]:
        """(dtype, shape) of the elements of an array, the shape from what is written and read if all have the
        same."""
        shape = tf.TensorShape(array.get_attr('element_shape'))
        if array.get_attr('identical_element_shapes'):
            for op in self._users.get(array.name, ()):
                seen = {'TensorArrayWriteV3': lambda op: op.inputs[2].shape,
                        'TensorArrayScatterV3': lambda op: op.inputs[2].shape[1:],
                        'TensorArrayReadV3': lambda op: op.outputs[0].shape}.get(op.type)
                if seen is not None and shape.is_compatible_with(seen(op)):
                    shape = shape.merge_with(seen(op))
        return array.get_attr('dtype'), _asked(shape)

    @cached_property
    def _users(self) -> dict[str, list[tf.Operation]]:
        users: dict[str, list[tf.Operation]] = {}
        for op in self._order:
            if op.type in READS | ARRAYS - {'TensorArrayV3'}:
                users.setdefault(_array_of(op).name, []).append(op)
        return users


@dataclass(frozen=True)
class _Loop:
    """merges: its variables. entering: tensors from around it that it needs."""
    condition: tf.Operation
    context: Context
    exits: list[tf.Operation]
    merges: list[tf.Operation]
    entering: list[tf.Tensor]


@dataclass(frozen=True)
class _Branches:
    """What a Merge joins: (value if false, value if true), and the contexts of the two branches."""
    sides: tuple[tf.Tensor, tf.Tensor]
    contexts: tuple[Context, Context]


@dataclass(frozen=True)
class _Conditional:
    """merges: its results. sides: their values if false, if true. entering: tensors from around it that it
    needs."""
    predicate: tf.Tensor
    contexts: tuple[Context, Context]
    merges: list[tf.Operation]
    sides: tuple[list[tf.Tensor], ...]
    entering: list[tf.Tensor]


def _before(tensor: tf.Tensor) -> list[tf.Operation]:
    """Ops that `tensor` is computed from, control dependencies included, inputs before users but for the way
    back of loops."""
    order: list[tf.Operation] = []
    seen: set[str] = set()
    roots = [tensor.op]
    while roots:
        stack = [(roots.pop(), False)]
        while stack:
            op, done = stack.pop()
            if done:
                order.append(op)
            elif op.name not in seen:
                seen.add(op.name)
                stack.append((op, True))
                for before in [*(i.op for i in op.inputs), *op.control_inputs]:
                    if before.type in NEXT:
                        roots.append(before)
                    else:
                        stack.append((before, False))
    return order


def _of_loop(op: tf.Operation) -> bool:
    """Whether a Switch or Merge belongs to a loop, not to a conditional."""
    if op.type in SWITCH:
        return op.inputs[1].op.type == 'LoopCond'
    return any(i.op.type in NEXT for i in op.inputs)


def _origin(predicate: tf.Tensor) -> tf.Tensor:
    while predicate.op.type in IDENTITY or (predicate.op.type in ENTER
                                            and predicate.op.get_attr('is_constant')):
        predicate = predicate.op.inputs[0]
    return predicate


def _array_of(op: tf.Operation) -> tf.Operation:
    """The op that made the array that `op` works on."""
    array = op
    while array.type != 'TensorArrayV3':
        if array is not op and array.type not in PASSING:
            raise _refused(op, f'on an array made by "{array.name}" ({array.type})')
        array = array.inputs[0].op
    return array


def _common(contexts: Sequence[Context]) -> Context:
    """The longest context around all."""
    k = 0
    while all(len(c) > k for c in contexts) and len({c[k] for c in contexts}) == 1:
        k += 1
    return contexts[0][:k]


def _asked(shape: tf.TensorShape) -> tf.Tensor:
    """A shape as list ops take it: -1 for what is not known."""
    return tf.constant(-1 if shape.rank is None else [-1 if d is None else d for d in shape.as_list()],
                       tf.int32)


def _label(op: tf.Operation) -> str:
    return op.name.rpartition('/')[0] or op.name


def _inside(name: str, label: str) -> str:
    """The name of an op in the function of a loop or conditional, which messages put behind `label`."""
    inside = name.removeprefix(f'{label}/') if label else name
    return inside if inside[0].isalnum() else name


def _refused(op: tf.Operation, what: str) -> RuleError:
    return RuleError(f'op "{op.name}" ({op.type}) between X and T is TF1 control flow {what}. Build the '
                     f'model with '
                     'tf.compat.v1.enable_control_flow_v2()')
