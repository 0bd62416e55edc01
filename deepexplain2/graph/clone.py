"""A copy of the path from X to T, differentiated, in which chosen ops have rules instead of gradients.

The copy is built and differentiated in a graph of its own and then imported into the user's graph in one
step: the user's ops are never touched, whatever fails before the import leaves no trace, and the weights stay
live because the copy reads the user's tensors. DeepLIFT needs the path twice, once for X and once for the
baseline: `reference=True` copies it side by side, and a rule finds the partner of its op by name. No rule has
    to know where the batch axis is, and a baseline shared by all rows takes one row.
"""

from __future__ import annotations

import bisect
import contextvars
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property

import tensorflow as tf

from ..errors import PathError, PathWarning, warn
from ..tensors import batch_of, sizes
from . import custom_gradients
from . import xla as compiled
from .batch_axis import PRIME_BATCH_SIZES
from .completed import COMPLETED
from .copies import stand_in
from .function_bodies import Body, inside, is_counted
from .functions import rename_functions
from .gradients import (
    RULE_GRADIENT,
    can_carry,
    drops_input,
    gradient_status,
    is_custom_gradient,
    registered_gradient,
)
from .linear import is_linear
from .op_types import (
    CONTAINERS,
    FUNCTION_CALLS,
    LIBRARY_SCOPE,
    LOOPS,
    RANDOM_PREFIXES,
    SHAPE_ONLY,
    can_change,
    is_random,
)
from .passes.decisions import CHOICE, MARK, kind_of, open_decisions
from .passes.inline_functions import flatten, outside
from .passes.paired import ACTUAL, REFERENCE, double, single
from .passes.stop_gradients import harmless, open_stops
from .path import Path
from .rulebook import BROKEN, UNUSED, Rulebook
from .walks import ancestors

# TensorFlow's gradient registry is for the whole process and forgets nothing: one name, registered once, and
# the rules of the graph that is being built reach it through a context variable.
_rulebook: contextvars.ContextVar[Callable[..., tf.Tensor]] = contextvars.ContextVar('deepexplain2_rulebook')


_BASELINE = 'baseline of '
WEIGHING = {'Mul', 'MulNoNan', 'MatMul', 'BatchMatMul', 'BatchMatMulV2', 'BatchMatMulV3', 'Einsum'}
SCALING = {'Identity', 'Reshape', 'ExpandDims', 'Squeeze', 'Transpose', 'BroadcastTo', 'Tile', 'Cast',
           'StridedSlice', 'Neg', 'Sub', 'AddV2', 'Mul'}


@tf.RegisterGradient(RULE_GRADIENT)
def _apply_rule(op, *rs):
    if op.type in COMPLETED:
        return registered_gradient(op)(op, *rs)
    return _rulebook.get()(op, *rs)


def in_place(path: Path, name: str) -> Clone:
    """The plain gradient built in the user's graph, for what a copy cannot hold: the Python gradients of
    tf.custom_gradient."""
    graph = path.target.graph
    with graph.as_default(), graph.control_dependencies(None), graph.device(None), tf.name_scope(f'{LIBRARY_SCOPE}{name}'):
        weights = tf.compat.v1.placeholder_with_default(tf.ones([], path.target.dtype), None, 'weights')
        rs = _differentiate(path, weights)
        return Clone([], weights, [tf.convert_to_tensor(r) for r in rs], tf.shape(path.target, tf.int64), [],
                     [])


@dataclass(frozen=True)
class Clone:
    """What the copy takes and gives, as tensors of the user's graph."""
    baselines: list[tf.Tensor]          # one placeholder per X; empty without a reference
    weights: tf.Tensor                  # weights of the units of T, broadcast to T; 1 unless fed
    relevances: list[tf.Tensor]         # one per X
    target_shape: tf.Tensor             # of T as computed
    # all that the rules take from the reference, where it is the same whenever the baselines are, to be
    # fetched or fed; else empty
    held: list[tf.Tensor]
    # relevances and target_shape by TensorFlow's own kernels, where XLA compiles these; else empty
    plain: list[tf.Tensor]
    # T as computed, weighted, summed over all axes but the first, where it was asked for
    value: tf.Tensor | None = None


@dataclass(frozen=True)
class Partner:
    """An op on the path of the reference, as rules see it: what does not depend on X is the same tensor as
    for x."""
    inputs: list[tf.Tensor]
    outputs: list[tf.Tensor]


@dataclass(frozen=True)
class Treatment:
    """How an op between X and T is treated: a word of rulebook.py, more on it, what messages call the op, its
    type."""
    how: str
    more: str
    name: str
    type: str
    loses: bool = False         # whether values pass that no gradient follows
    layer: str = ''             # the layer it belongs to, where the model has layers

    @property
    def label(self) -> str:
        """The name alone, without the type."""
        return self.name.split('"')[1] if '"' in self.name else self.name

    def __str__(self) -> str:
        return self.name + (f' of layer "{self.layer}"' if self.layer
                            else '') + (f', {self.more}' if self.more else '')


class Copy:
    """The path from X to T in a graph of its own, function calls opened, ops with a rule marked.

    book: its rules. path: the copied path, to be examined; graph: where it is. Nothing is added to the user's
        graph before `install` or `place`.
    jit: whether XLA is to compile what is placed. PathError where that could change an answer.
    """

    def __init__(self, path: Path, book: Rulebook, jit: bool = False):
        self._original, self._book, self._jit = path, book, jit
        reference = book.reference
        nodes, target, self._sources = flatten(path)
        # differentiated in its place, by what this copy is not for
        if book.is_plain:
            own = {op.name for op in path.ops if is_custom_gradient(op)}
            for node in nodes.node:
                if node.name in own:
                    node.attr['_gradient_op_type'].s = custom_gradients.KEPT.encode()
        custom_gradients.drop(nodes, kept=book.is_plain)
        self.graph = tf.Graph()
        with self.graph.as_default():
            kept = {outside(t) for t in path.held}
            self._outside = {outside(t): tf.compat.v1.placeholder(t.dtype, t.shape, f'source_{k}')
                             if outside(t) in kept
                             else stand_in(t, f'source_{k}') for k, t in enumerate(self._sources)}
        self.held = [self._outside[outside(t)] for t in path.held if outside(t) in self._outside]
        self._constants = {name: s.op.node_def for name, s in self._outside.items() if s.op.type == 'Const'}
        self._constants |= {s.name: s.op.node_def for s in self._outside.values() if s.op.type == 'Const'}
        if reference:
            open_stops(nodes, self._constants)
            open_decisions(nodes, {outside(x) for x in path.inputs})
        for node in [*nodes.node, *(n for f in nodes.library.function for n in f.node_def)]:
            if book.marks(node):
                node.attr['_gradient_op_type'].s = RULE_GRADIENT.encode()
        with self.graph.as_default():
            self._xs = {outside(x): tf.compat.v1.placeholder(x.dtype, x.shape, f'x_{k}') for k,
                        x in enumerate(path.inputs)}
            self._bs = {outside(x): tf.compat.v1.placeholder(x.dtype, x.shape, f'baseline_{k}')
                        for k, x in enumerate(path.inputs)} if reference else {}
            both = double(nodes, {name: f'{_BASELINE}{name}'
                                  for name in self._xs}) if reference else single(nodes, self._xs)
            self._library = {f.signature.name: f for f in both.library.function}
            _share_random(both)
            given = {**self._outside, **self._xs, **{f'{_BASELINE}{name}': b for name, b in self._bs.items()}}
            _import(both, given)
            for op in path.ops:
                for output in op.outputs:           # what the user's set_shape added to the inferred shapes
                    copied = self._find(ACTUAL + output.name)
                    if copied is not None:
                        copied.set_shape(output.shape)
            known = {x.name: given.name for given, x in zip(path.inputs, self._xs.values())}
            self.path = Path(self._xs[target] if target in self._xs
                             else self.graph.get_tensor_by_name(ACTUAL + target),
                             list(self._xs.values()), lambda name: known.get(name, name.removeprefix(ACTUAL)))
        if jit:
            compiled.check(self.path, self._bodies,
                           {s.name: t for s, t in zip(self._outside.values(), self._sources)})

    @cached_property
    def treatments(self) -> list[Treatment]:
        """How the book treats every op on the path that depends on X, bodies of loops and conditionals
        included.

        Raises RuleError where x and its reference could take different ways through a loop or conditional.
        """
        found: dict[str, Treatment] = {}
        for part in self._parts:
            harmless_stops = self._harmless(part)
            for op in part.ops:
                if kind_of(op) in (op.type, CHOICE) and part.varying_inputs(op):
                    how, more = self._book.treatment(op, part)
                    if op.name in harmless_stops:
                        more = 'what it stops adds up to nothing'
                    op_type = 'Select' if kind_of(op) == CHOICE else op.type
                    found.setdefault(part.name(op), Treatment(how, more, part.name(op), op_type,
                                                              self._loses(op, part)))
        found |= {t.name: t for t in self._forgone}
        return list(found.values())

    @cached_property
    def lost(self) -> list[Treatment]:
        """The ops that pass values of X and no gradient, and the functions whose own gradient is not used."""
        lost = [Treatment(BROKEN, '', part.name(op), op.type, True) for part in self._parts
                for op in part.ops if self._loses(op, part)]
        return lost + self._forgone

    def _loses(self, op: tf.Operation, part: Path | Body) -> bool:
        return (_loses(op, part, self._book) and op.name not in self._harmless(part)
                and (isinstance(part, Body) or op.name in part.differentiated))

    @property
    def _forgone(self) -> list[Treatment]:
        return [Treatment(UNUSED, f'function "{op.get_attr(custom_gradients.FORGONE).decode()}"',
                          part.name(op), op.type)
                for part in self._parts for op in part.ops if self._book.is_plain and op.type == 'IdentityN'
                and part.varying_inputs(op)
                and custom_gradients.FORGONE in op.node_def.attr and (isinstance(part, Body)
                                                                      or op.name in part.differentiated)]

    def _harmless(self, part: Path | Body) -> set[str]:
        if not any(op.type == 'StopGradient' for op in part.ops):
            return set()
        return harmless([op.node_def for op in part.ops], self._constants if isinstance(part, Path) else {})

    def check_differentiable(self) -> None:
        """Raise PathError where no relevance would reach X."""
        for part in self._parts:
            for op in part.ops:
                if op.type in LOOPS and any(can_carry(op.inputs[k])
                                            for k in part.varying_inputs(op)) and not is_counted(op, self._library) \
                        and (isinstance(part, Body) or op.name in part.differentiated):
                    raise PathError(f'loop {part.name(op)} between X and T does not count its iterations, '
                                    f'and TensorFlow has no gradient for it. '
                                    'Choose a T before it or an X behind it, or use a perturbation method')
        self.path.check_differentiable(lambda op: _has_rule(op, self._book))

    @property
    def _parts(self) -> list[Path | Body]:
        return [self.path, *self._bodies]

    @cached_property
    def _bodies(self) -> list[Body]:
        return list(inside(self.path, self._library, self._book.reference))

    @cached_property
    def _inside(self) -> dict[tuple[str, str], tuple[bool, frozenset[int]]]:
        """Of each op in a body, by names of function and op: whether it is linear, and the positions of its
        inputs that vary."""
        found: dict[tuple[str, str], tuple[bool, frozenset[int]]] = {}
        for body in self._bodies:
            for op in body.ops:
                # of a function that is called twice
                linear, varying = found.get((body.function, op.name), (True, frozenset()))
                found[body.function, op.name] = (linear and is_linear(op, body),
                                                 varying | set(body.varying_inputs(op)))
        return found

    def _known(self, op: tf.Operation) -> tuple[bool, frozenset[int]]:
        """(whether `op` is linear, positions of its inputs that vary), in the graph or in the body of a loop
        or conditional."""
        if op.graph is self.graph:
            return is_linear(op, self.path), frozenset(self.path.varying_inputs(op))
        return self._inside[op.graph.name, op.name]

    @cached_property
    def one_row_fits(self) -> bool:
        """Whether a baseline of one row surely stands for all rows: at every rule the same sizes, 1 in place
        of the open batch axis."""
        if not self._book.reference or self.held or any(is_random(op) or op.type in CONTAINERS
                                                        for op in self.path.ops):
            return False
        if not all(x.shape.rank and batch_of(x) is None for x in self._original.inputs):
            return False
        ruled = [op.inputs[k] for op in self.path.ops if not self._is_linear(op)
                 for k in self.path.varying_inputs(op)]
        one, many = (self.shapes(ruled, rows) for rows in (1, PRIME_BATCH_SIZES[0]))
        return all(z.rank and z.is_fully_defined() and more.is_fully_defined() and z.as_list()[0] == 1
                   and more.as_list() == [PRIME_BATCH_SIZES[0], *z.as_list()[1:]] for z, more in zip(one, many))

    def shapes(self, tensors: Sequence[tf.Tensor], rows: int) -> list[tf.TensorShape]:
        """The shapes of tensors of `graph`, as TensorFlow infers them for so many rows of X; unknown where
        the graph takes another number."""
        try:
            return self._inferred(tensors, rows)
        except ValueError:
            return [tf.TensorShape(None)] * len(tensors)

    def _inferred(self, tensors: Sequence[tf.Tensor], rows: int) -> list[tf.TensorShape]:
        """The same, but ValueError where the graph takes another number."""
        with tf.Graph().as_default():
            given = {x.name: tf.compat.v1.placeholder(x.dtype, [rows, *x.shape.as_list()[1:]])
                     for x in [*self.path.inputs, *self.held]}
            return [t.shape for t in self.again(tensors, given, 'rows')]

    def target_of(self, rows: int) -> tf.TensorShape | None:
        """The shape of T for so many rows of X; None where the graph takes another number."""
        try:
            return self._inferred([self.path.target], rows)[0]
        except ValueError:
            return None

    @cached_property
    def fixes_rows(self) -> tuple[int | None, str] | None:
        """(rows, op) where an array with rows of its own is joined to a tensor with those of X, which then
        can have no others. Two primes are tried in their place; rows is None where it cannot be told which
        number fits."""
        if any(x.shape.rank is None
               for x in self.path.inputs) or self.target_of(PRIME_BATCH_SIZES[0]) is not None or self.target_of(PRIME_BATCH_SIZES[1]) is not None:
            return None
        ops = [op for op in self.path.ops if op.outputs]

        def fit(k):
            try:
                self._inferred([o for op in ops[:k] for o in op.outputs], PRIME_BATCH_SIZES[0])
            except ValueError:
                return False
            return True
        # the first that does not
        op = ops[bisect.bisect_left(range(len(ops)), True, key=lambda k: not fit(k + 1))]
        known = [d for t in [*op.inputs, *op.outputs] for d in sizes(t) if d is not None and d > 1
                 and self.target_of(d) is not None]
        return (known[0] if known else None), self.path.name(op)

    def install_value(self) -> tf.Tensor:
        """T, imported into the user's graph."""
        with self.graph.as_default():
            value = tf.identity(self.path.target, 'value')
        return self.place([value], 'value')[0]

    @contextmanager
    def differentiating(self):
        """While gradients are built in `graph`."""
        with self.graph.as_default(), compiled.differentiating() if self._jit else nullcontext():
            yield

    def install(self, name: str, with_value: bool = False) -> Clone:
        """Differentiate, and import forward and backward pass into the user's graph in one step. with_value:
        whether T is given too."""
        with self.differentiating():
            target = self.path.target
            weights = tf.compat.v1.placeholder_with_default(tf.ones([], target.dtype), None, 'weights')
            token = _rulebook.set(self._apply)
            try:
                rs = self._relevances(weights)
            finally:
                _rulebook.reset(token)
            value = [tf.reduce_sum(target * weights, _axes_of_units(target),
                                   name='value')] if with_value else []
            outputs = [tf.identity(r, f'relevance_{k}') for k,
                       r in enumerate(rs)] + value + [tf.shape(target, tf.int64, name='target_shape')]
        held = self._taken_from_reference(outputs) if self.one_row_fits and not self._jit and self._is_frozen() else []
        taken = [*self._bs.values(), weights]
        found = self.place([*taken, *outputs, *held], name)
        plain = self.place_plain(outputs, dict(zip([t.name for t in taken], found)), name)
        answers, held = found[len(taken):len(taken) + len(outputs)], found[len(taken) + len(outputs):]
        return Clone(found[:len(self._bs)], found[len(self._bs)], answers[:len(rs)], answers[-1], held, plain,
                     answers[len(rs)] if value else None)

    def _relevances(self, weights: tf.Tensor) -> list[tf.Tensor]:
        """The gradients of T by X under the rules; 0, with a warning, for an X that a rule gives nothing."""
        found = weighted_gradients(self.path.target, self.path.inputs, weights)
        if not self._book.gives_nothing:
            return all_found(self.path, found)
        nothing = [self.path.name(x) for x, g in zip(self.path.inputs, found) if g is None]
        if nothing:
            warn(f'X {", ".join(nothing)} reaches T only as a gate or a weight of what else there is, which '
                 f'takes nothing: its attributions are 0. '
                 "Take products='uniform' (for attention softmax='gradient', for normalizations "
                 "normalization='uniform'), or another method",
                 PathWarning)
        return [tf.zeros_like(x) if g is None else tf.convert_to_tensor(g) for x,
                g in zip(self.path.inputs, found)]

    def _is_frozen(self) -> bool:
        """Whether nothing that enters the path can change from run to run, and nothing on it."""
        given = ancestors(self._sources, {x.name for x in self._original.inputs}, control=True)
        return not self.held and not any(can_change(op) or is_random(op) for op in [*given, *self.path.ops])

    def _taken_from_reference(self, outputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """The tensors on the path of the reference that anything outside of it needs; it takes them through
        placeholders with these defaults.

        What is fetched and fed are the placeholders: TensorFlow's optimizers fuse ops over a fetched tensor,
        which then is gone (softplus, tanh and a product as mish), but only where nothing else takes it.
        """
        taken = [(op, k, i) for op in ancestors(outputs, set()) if not op.name.startswith(REFERENCE)
                 for k, i in enumerate(op.inputs) if i.op.name.startswith(REFERENCE)]
        # which no session run can give
        if any(i.dtype in (tf.variant, tf.resource) for *_, i in taken):
            return []
        with self.graph.as_default():
            held = {name: tf.compat.v1.placeholder_with_default(i, i.shape, f'held_{k}')
                    for k, (name, i) in enumerate({i.name: i for *_, i in taken}.items())}
        for op, k, i in taken:
            op._update_input(k, held[i.name])
        return list(held.values())

    def place(self, wanted: Sequence[tf.Tensor], name: str) -> list[tf.Tensor]:
        """Import what these tensors of `graph` need into the user's graph; the same tensors there."""
        given = self.substitutes
        with self._user_graph():
            if not self._jit:
                return self._import(wanted, given, name)
            # stay outside of what is compiled
            fed = [t for t in wanted if t.op.type.startswith('Placeholder')]
            placed = dict(zip([t.name for t in fed], self._import(fed, {}, name)))
            computed = [t.name for t in wanted if t.name not in placed]
            nodes, given = self._needed(computed, given | placed)
            found = dict(zip(computed, compiled.place(nodes, given, computed, f'{LIBRARY_SCOPE}{name}')))
            return [(placed | found)[t.name] for t in wanted]

    def place_plain(self, wanted: Sequence[tf.Tensor], taken: Mapping[str, tf.Tensor],
                    name: str) -> list[tf.Tensor]:
        """What XLA compiles once more for TensorFlow's own kernels, with which it is compared; nothing where
        XLA does not. taken: the tensors that it is fed with, by their names in `graph`."""
        if not self._jit:
            return []
        with self._user_graph():
            return self._import(wanted, {**self.substitutes, **taken}, f'{name}_plain')

    @property
    def substitutes(self) -> dict[str, tf.Tensor]:
        """The tensors of the user's graph that enter the path, X included, by their names in `graph`; without
        constants that were taken along."""
        given = {s.name: t for s, t in zip(self._outside.values(), self._sources) if s.op.type != 'Const'}
        return given | {x.name: original for x, original in zip(self._xs.values(), self._original.inputs)}

    @contextmanager
    def _user_graph(self):
        graph = self._original.target.graph
        with graph.as_default(), graph.control_dependencies(None), graph.device(None):
            yield

    def _import(self, wanted: Sequence[tf.Tensor], given: Mapping[str, tf.Tensor],
                name: str) -> list[tf.Tensor]:
        """What these tensors of `graph` need, in the default graph under a name."""
        names = [t.name for t in wanted]
        nodes, given = self._needed(names, given)
        return tf.graph_util.import_graph_def(nodes, name=f'{LIBRARY_SCOPE}{name}', input_map=given,
                                              return_elements=names)

    def _needed(self, wanted: Sequence[str], given: Mapping[str, tf.Tensor]) -> tuple[tf.compat.v1.GraphDef,
                                                                                      dict[str, tf.Tensor]]:
        """The nodes that these tensors of `graph` need beside those that are given, and the given ones that
        they take."""
        nodes = _prune(self.graph.as_graph_def(), wanted, {n.split(':')[0] for n in given})
        used = {i.split(':')[0] for n in nodes.node for i in n.input}
        return nodes, {n: t for n, t in given.items() if n.split(':')[0] in used}

    def again(self, wanted: Sequence[tf.Tensor], given: Mapping[str, tf.Tensor],
              name: str) -> list[tf.Tensor]:
        """What these tensors of `graph` are where others stand in place of those of the names in `given`:
        their ops once more in the default graph, under a name."""
        ops = ancestors([t for t in wanted if t.name not in given], set(given))
        shared = {} if tf.compat.v1.get_default_graph() is not self.graph else {s.name: s
                                                                                for s in self._outside.values()}
        nodes = tf.compat.v1.GraphDef(library=self.graph.as_graph_def().library
                                      if any(op.type in CONTAINERS for op in ops) else None,
                                      node=[op.node_def for op in ops if f'{op.name}:0' not in shared])
        _import(nodes, {**shared, **given}, name)
        made = tf.compat.v1.get_default_graph().get_tensor_by_name
        for op in ops:
            for output in op.outputs if f'{op.name}:0' not in shared else ():
                made(f'{name}/{output.name}').set_shape(output.shape)
        return [given[t.name] if t.name in given else made(f'{name}/{t.name}') for t in wanted]

    def _is_linear(self, op: tf.Operation) -> bool:
        return kind_of(op) == op.type and self._known(op)[0]

    def _apply(self, op, *rs):
        if self._is_linear(op):
            return registered_gradient(op)(op, *rs)
        rule = self._book.rule(kind_of(op)) or self._book.fallback
        assert rule
        r = rs[0] if len(rs) == 1 else rs
        return rule(op, r, self._partner(op) if self._book.reference else self._varying)

    def _varying(self, op: tf.Operation) -> frozenset[int]:
        """Positions of the inputs of any op of the copy that depend on X."""
        if op.graph is self.graph:
            return frozenset(self.path.varying_inputs(op))
        return self._inside.get((op.graph.name, op.name), (True, frozenset()))[1]

    def _partner(self, op: tf.Operation) -> Partner:
        partner = op.graph.get_operation_by_name(REFERENCE + op.name.removeprefix(ACTUAL))
        _, varying = self._known(op)
        return Partner([p if k in varying else i for k, (p, i) in enumerate(zip(partner.inputs, op.inputs))],
                       list(partner.outputs))

    def _find(self, name: str) -> tf.Tensor | None:
        try:
            return self.graph.get_tensor_by_name(name)
        except KeyError:
            return None                     # an output of a function call, which was opened


def _axes_of_units(target: tf.Tensor) -> list[int] | tf.Tensor:
    """All axes but the first."""
    if target.shape.rank is not None:
        return list(range(1, target.shape.rank))
    return tf.range(tf.minimum(tf.rank(target), 1), tf.rank(target))


def _loses(op: tf.Operation, part: Path | Body, book: Rulebook) -> bool:
    """Whether an op hands on values of X as numbers, without a gradient or a rule. What a condition or an
    index adds counts for a reference, which compares values; a derivative does not see it where it only
    chooses, as in a Select or as a factor of 0 or 1."""
    taken = part.varying_inputs(op)
    if not taken or kind_of(op) != op.type or not any(map(can_carry,
                                                          op.outputs)) or op.type in SHAPE_ONLY | CONTAINERS | FUNCTION_CALLS:
        return False
    if any(can_carry(op.inputs[k]) for k in taken):
        return drops_input(op, taken) and not _has_rule(op, book)
    if op.type in ('Select', 'SelectV2') or op.outputs[0].dtype == tf.variant:
        return False
    if op.type in ('Cast', 'Bitcast') and op.inputs[0].dtype.is_integer:
        return True
    return book.reference or (_jumps(op, taken, part) and not _only_weighs(op, part))


def _jumps(op: tf.Operation, taken: Iterable[int], part: Path | Body) -> bool:
    """Whether a condition or an index changes at more than single points of X: not by an equality of numbers,
    as in a mask."""
    stack, seen = [op.inputs[k].op for k in taken], set()
    while stack:
        origin = stack.pop()
        if origin.name in seen:
            continue
        seen.add(origin.name)
        varying = [origin.inputs[k] for k in part.varying_inputs(origin)]
        if any(i.dtype != tf.bool for i in varying) and not (
                origin.type in ('Equal', 'NotEqual', 'Cast') and origin.outputs[0].dtype == tf.bool
                                                             and all(map(can_carry, varying))):
            return True
        stack += [i.op for i in varying if i.dtype == tf.bool]
    return False


def _only_weighs(op: tf.Operation, part: Path | Body) -> bool:
    """Whether all that takes the output of an op, by way of shapes, scales and shifts, multiplies it with
    other values of X."""
    stack, seen = list(op.outputs), set()
    if any(o is getattr(part, 'target', None) for o in stack):
        return False
    while stack:
        tensor = stack.pop()
        users = [user for user in tensor.consumers() if user.type not in SHAPE_ONLY]
        for user in users:
            varying = [user.inputs[k] for k in part.varying_inputs(user)]
            if user.type in WEIGHING and len(varying) == 2 and any(i is not tensor for i in varying):
                continue
            if len(varying) != 1 or user.type not in SCALING or user.outputs[0] is getattr(part, 'target',
                                                                                           None):
                return False
            if user.name not in seen:
                seen.add(user.name)
                stack += user.outputs
        if not users:
            return False
    return True


def _has_rule(op: tf.Operation, book: Rulebook) -> bool:
    """Whether an op without a gradient has a rule that compares its values: a Sign, as a step."""
    return (book.reference and book.rule(op.type) is not None and gradient_status(op) == 'none'
            and not op.inputs[0].dtype.is_complex)


def lost_in_place(path: Path) -> list[Treatment]:
    """The ops that pass values of X and no gradient of TensorFlow's own."""
    constants = {t.name: t.op.node_def for t in path.sources if t.op.type == 'Const'}
    fine = harmless([op.node_def for op in path.ops], constants)
    return [Treatment(BROKEN, '', path.name(op), op.type, True) for op in path.ops
            if op.name in path.differentiated - fine and (_loses(op, path, Rulebook())
                                                    or drops_input(op, path.varying_inputs(op), in_place=True))]


def _differentiate(path: Path, weights: tf.Tensor) -> list[tf.Tensor]:
    """The gradient of T, weighted, by X in the default graph."""
    return all_found(path, weighted_gradients(path.target, path.inputs, weights))


def weighted_gradients(target: tf.Tensor, tensors: Sequence[tf.Tensor],
                       weights: tf.Tensor) -> list[tf.Tensor | None]:
    """The gradients of a target, weighted, by tensors that are taken as independent of one another."""
    weighted = tf.broadcast_to(weights, tf.shape(target))
    if target.shape.rank is not None:
        weighted = tf.ensure_shape(weighted, target.shape)          # fails where they do not fit
    return tf.gradients(target, tensors, grad_ys=weighted, stop_gradients=tensors)


def all_found(path: Path, gradients: Sequence[tf.Tensor | None]) -> list[tf.Tensor]:
    """The gradients of T by X; PathError where TensorFlow has none."""
    if any(g is None for g in gradients):
        raise PathError(f'TensorFlow finds no gradient of T {path.name(path.target)} by X '
                        + ', '.join(path.name(x) for x, g in zip(path.inputs, gradients) if g is None))
    return list(gradients)


def _import(nodes: tf.compat.v1.GraphDef, given: Mapping[str, tf.Tensor], name: str = '') -> None:
    """Import nodes into the default graph, `given` in place of the tensors of these names."""
    used = {i if ':' in i else f'{i}:0' for n in nodes.node for i in n.input}
    tf.graph_util.import_graph_def(nodes, name=name, input_map={n: t for n, t in given.items() if n in used})


def _share_random(graph_def: tf.compat.v1.GraphDef) -> None:
    """Let x and its reference see the same random numbers (an active dropout): the reference takes those of
    x."""
    random = {n.name for n in graph_def.node if n.name.startswith(REFERENCE) and n.op.startswith(RANDOM_PREFIXES)}
    for node in graph_def.node:
        node.input[:] = [ACTUAL + i.removeprefix(REFERENCE) if i.split(':')[0] in random else i
                         for i in node.input]


def _prune(graph_def: tf.compat.v1.GraphDef, wanted: Sequence[str],
           outside: Iterable[str]) -> tf.compat.v1.GraphDef:
    """The nodes that `wanted` need, without the ones that stand for tensors of the user's graph and without
    the rule marks."""
    nodes = {n.name: n for n in graph_def.node}
    stack, kept = [t.split(':')[0] for t in wanted], set(outside)
    result = tf.compat.v1.GraphDef(versions=graph_def.versions, library=graph_def.library)
    while stack:
        name = stack.pop()
        if name not in kept:
            kept.add(name)
            result.node.add().CopyFrom(nodes[name])
            stack += [i.lstrip('^').split(':')[0] for i in nodes[name].input]
    rename_functions(result)
    for node in [*result.node, *(n for f in result.library.function for n in f.node_def)]:
        node.attr.pop('_class', None)
        node.attr.pop(MARK, None)
        if not node.attr['_gradient_op_type'].s or node.attr['_gradient_op_type'].s == RULE_GRADIENT.encode():
            del node.attr['_gradient_op_type']
    return result
