"""What was compiled for a session, and is found again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import tensorflow as tf

from .engine.model import Model
from .errors import DeepExplainError, TargetWarning, warn
from .explainer import Explainer
from .graph.lookups import Lookup
from .graph.squashing import Mixed, is_log, squashing
from .parametrized import comparable
from .targets.base import Target, names_of
from .targets.built import BuiltTarget, build_target, tried
from .targets.function import FunctionTarget
from .targets.function_state import state_of
from .targets.units import Units

KEPT = 64           # explainers of a session, each a few objects
MANY = 64           # targets of a session: from here on there is a warning whenever they are twice as many


@dataclass
class Compiled:
    """What was compiled for a session, so that a second context finds it.

    models: for every T and X, with all that costs: what was compiled, timed, and kept of a baseline.
    explainers: those of the last methods; new ones take their queries from the models. logits: of T by name.
    targets: by what they compute. functions: the last ones of them that were given, by what they are made of.
    lookups: of token ids, by the names of T and X.
    """
    models: dict[tuple, Model] = field(default_factory=dict)
    explainers: OrderedDict[Hashable, Explainer] = field(default_factory=OrderedDict)
    logits: dict[str, tf.Tensor] = field(default_factory=dict)
    targets: dict[Hashable, BuiltTarget] = field(default_factory=dict)
    functions: OrderedDict[Hashable, BuiltTarget] = field(default_factory=OrderedDict)
    lookups: dict[tuple[str, ...], list[list[Lookup]]] = field(default_factory=dict)

    def model(self, session: Any, target: tf.Tensor, inputs: Sequence[tf.Tensor],
              layers: Mapping[str, tf.Tensor], jit: bool = False) -> Model:
        """The model of a target and inputs, made the first time."""
        key = jit, target.name, *(x.name for x in inputs)
        if key not in self.models:
            self.models[key] = Model(session, target, inputs, layers, jit)
        return self.models[key]

    def keep(self, key: Hashable, explainer: Explainer) -> None:
        """Keep an explainer for the next call, and let go of the one that was not used for longest."""
        self.explainers[key] = explainer
        while len(self.explainers) > KEPT:
            self.explainers.popitem(last=False)

    def kept(self, key: Hashable) -> Explainer | None:
        """The explainer that was kept."""
        if key in self.explainers:
            self.explainers.move_to_end(key)
        return self.explainers.get(key)

    def built(self, target: Target, outputs: Any, graph: tf.Graph) -> BuiltTarget:
        """A target in the graph, built the first time. outputs: the tensors that it is about."""
        if isinstance(target, FunctionTarget):
            return self._built_function(replace(target, outputs=outputs), graph)
        key: Hashable = target.on(names_of(outputs))
        trial = None
        if target.held:                 # which may compute something else than the last time
            states = tuple(map(state_of, target.held))
            trial = tried(target, outputs) if None in states else None
            key = key, states if trial is None else trial.computes
        if key not in self.targets:
            self._add(key, build_target(trial or tried(target, outputs), outputs, graph), graph)
        return self.targets[key]

    def _built_function(self, target: FunctionTarget, graph: tf.Graph) -> BuiltTarget:
        """A function in the graph; one that computes the same is built once."""
        state = state_of(target.function)
        known = state, target.specs_key, comparable(names_of(target.outputs))
        if state is not None and known in self.functions:
            return self.functions[known]
        refused: list[tuple[FunctionTarget, DeepExplainError]] = []
        for way in target.ways():
            try:
                trial = tried(way, way.outputs)
            except DeepExplainError as e:
                refused.append((way, e))
                continue
            key = trial.computes, comparable(names_of(way.outputs))
            if key not in self.targets:
                self._add(key, build_target(trial, way.outputs, graph), graph)
            if state is not None:
                self.functions[known] = self.targets[key]
                while len(self.functions) > KEPT:
                    self.functions.popitem(last=False)
            return self.targets[key]
        raise target.closest(refused)

    def _add(self, key: Hashable, built: BuiltTarget, graph: tf.Graph) -> None:
        self.targets[key] = built
        count = len(self.targets)
        if count >= MANY and count & (count - 1) == 0:
            warn(f'{count} targets that differ were explained, the last one {built.target.label}: each adds '
                 f'ops to the graph, which has {len(graph.get_operations())}, and none of them goes. Give '
                 f'what changes from call to call as ys: lambda out, ys: ...', TargetWarning)

    def target_of(self, score: tf.Tensor) -> Units | BuiltTarget:
        """What ys are for this T: data of the target that it was built for, or its units."""
        built = self._built(score)
        if built is not None and built.placeholders:
            return built
        needs_ys = built is not None and built.target.needs_ys and score.shape[1:].num_elements() != 1
        return Units(score, needs_ys=needs_ys)

    def uses_probabilities(self, score: tf.Tensor) -> bool:
        """Whether T is the score of a target that is made of probabilities by its definition."""
        built = self._built(score)
        return built is not None and built.target.uses_probabilities

    def _built(self, score: tf.Tensor) -> BuiltTarget | None:
        return next((t for t in self.targets.values() if t.score is score), None)


def compiled_for(session: Any) -> Compiled:
    """Kept on the session itself: it goes when the session goes, which a table with the session as key would
    prevent."""
    return vars(session).setdefault('_deepexplain2_compiled', Compiled())


def warn_of_probabilities(model: Model, method: str, weighted: tf.Tensor) -> bool:
    """TargetWarning where T is seen in the graph to be made of probabilities; whether it is. weighted: T as
    given, with its weights."""
    target = model.target
    found = squashing(target) or squashing(weighted)
    if found is None or is_log(found):
        return False
    ops = ', '.join(found.ops[:4])
    if isinstance(found, Mixed):
        what, instead = f'{found.reason} ({ops})', f'what goes into {" or ".join(found.ops[:4])}'
    else:
        what, logit = f'is the output of {ops}', 'the logits' if found.adds else f'"{found.make().name}"'
        instead = f'{logit} instead: de.logits(T)'
    model.warn_once(method, f'T "{target.name}" {what}: the shares of all classes mix, and a saturated '
                            f'probability has no gradient. '
                    f'Target {instead}', TargetWarning)
    return True
