"""What an attribution method is."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ..engine.model import Model
from ..engine.queries import NO_RULES
from ..engine.query import Query
from ..engine.sweep import Sweep
from ..features.base import Rows
from ..graph.rulebook import EVALUATED, GRADIENT, PLAIN, Rulebook
from ..graph.treatments import Treatment
from ..parametrized import Parametrized


class Plan(NamedTuple):
    """What a method will do with xs of given shapes.

    evaluations: of the model, per row, in each pass over the data; None where a tolerance decides.
    shapes: of the attributions, one per tensor of X.
    """

    evaluations: list[int] | None
    shapes: list[tuple[int, ...]]


class Surrogate(list[np.ndarray]):
    """Attributions that are the coefficients of a model which stands for T around x.

    r2 : array (n,)
        The share of the variance of T that the model explains.
    """

    def __init__(self, found: Sequence[np.ndarray], r2: np.ndarray):
        super().__init__(found)
        self.r2 = r2


class Method(Parametrized):
    """One attribution method with its parameters: a frozen dataclass that is registered under a name.

    Fields are parameters, checked by the kinds of their annotations (see deepexplain2.parameters), and equal
    methods have equal parameters. A subclass says what to ask the graph (`query`) and how the answers become
    attributions (`attribute`). The class attributes below are what it can do.
    """

    name: ClassVar[str] = ''
    #: What the attributions of a row sum to: 'difference' f(x) - f(baseline), 'value' f(x), or None.
    sums_to: ClassVar[str | None] = None
    #: Whether a set of baselines can be averaged over.
    averages: ClassVar[bool] = False
    #: Whether it draws samples, and has standard errors.
    draws_samples: ClassVar[bool] = False
    #: Whether only values of T are asked, so that T needs one value per row.
    is_perturbation: ClassVar[bool] = False
    #: Whether a perturbation method has features on or off, and so whole words; False where they fade.
    switches_features: ClassVar[bool] = True
    #: Whether a feature that T does not depend on gets exactly 0.
    zero_without_influence: ClassVar[bool] = True
    #: Whether T must depend on X through a tensor with spatial axes.
    needs_space: ClassVar[bool] = False
    #: Whether X must be images, (n, height, width) or (n, height, width, channels).
    takes_images: ClassVar[bool] = False
    #: Whether the attributions of a weighted sum of outputs are the weighted sum of attributions.
    linear_in_target: ClassVar[bool] = True
    #: Whether attributions that are all 0 say nothing of X, where T depends on it.
    doubts_zeros: ClassVar[bool] = True
    #: Whether attributions are by feature, [(n, features)], to be spread over the entries of X.
    is_by_feature: ClassVar[bool] = False
    #: What attributions are, with {T} for the target; '' where their scale means nothing. See `unit_of`.
    unit: ClassVar[str] = 'units of {T}'
    #: Whether the attribution of several entries, such as the channels of a pixel, is the sum of theirs.
    adds_up: ClassVar[bool] = True
    #: What helps where all attributions are 0, beside what helps every method.
    remedy_for_zeros: ClassVar[str] = ''

    baseline: Any = None            # None: 0, and the zero vector for token ids
    references: Any = None          # a set of baselines that every row is compared with
    # whether a baseline with rows is a set, or one per row; None: seen from their number
    average: bool | None = None
    masks: str = 'follow'           # 'keep': masks that the model makes of X stay as they are at x

    @property
    def takes_baseline(self) -> bool:
        """Whether a baseline is one of the parameters."""
        return 'baseline' in self.parameters

    @property
    def book(self) -> Rulebook | None:
        """The rules, for methods that ask for relevance under rules."""
        return None

    def located(self, name_of: Callable[[Any], str]) -> Method:
        """This method with its tensors, if parameters are some, by their names in the graph.

        name_of: gives the name of the tensor that a name, tensor or Keras symbolic tensor stands for.
        """
        return self

    def fitted(self, model: Model) -> Method:
        """This method with what it takes from the graph where a parameter does not say."""
        return self

    def shaped_like(self, model: Model) -> Any:
        """The tensor of the graph that attributions are shaped like; None where that is X."""
        return None

    def promise(self, model: Model) -> str | None:
        """`sums_to`, where the graph keeps it."""
        return self.sums_to

    def unit_of(self, target: str) -> str:
        """What attributions are, in words; '' where their scale means nothing."""
        return f'share of {target}' if self.sums_to else self.unit.replace('{T}', target)

    def query(self, model: Model) -> Query:
        """What to ask; compiles what it needs."""
        raise NotImplementedError

    def attribute(self, sweep: Sweep, xs: list[np.ndarray], baselines: list[np.ndarray]) -> list[np.ndarray]:
        """Attributions for xs, one array per tensor of X; baselines have a batch axis of one row or as many
        as xs."""
        raise NotImplementedError

    def spread(self, found: Sequence[np.ndarray], sweep: Sweep, xs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Attributions as the caller gets them, of those that `attribute` gives."""
        return list(found)

    def feature_names(self, rows: Rows) -> list[Any] | None:
        """The names of the features of rows where attributions are by feature, if they have some."""
        return None

    def sample(self, sweep: Sweep, xs: list[np.ndarray],
               baselines: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Attributions and their standard errors, for methods that draw samples."""
        raise NotImplementedError

    @property
    def graph_key(self) -> Hashable:
        """What of the parameters changes the query: methods that differ elsewhere share their ops."""
        return self.book.key if self.book is not None else ()

    def audit(self, model: Model) -> list[Treatment]:
        """How the method treats every op between X and T that depends on X."""
        if self.book is not None:
            return model.treatments(self.book)
        found = model.treatments(NO_RULES)
        if self.is_perturbation:
            return [replace(t, treatment=EVALUATED, detail='', drops_input=False) for t in found]
        return [replace(t, treatment=GRADIENT) if t.treatment == PLAIN else t for t in found]

    def plan(self, shapes: Sequence[tuple[int, ...]]) -> Plan:
        """What the method will do with xs of these shapes; raises where a parameter does not fit them."""
        return Plan([1], list(shapes))

    def check_std_error(self) -> None:
        """Raise ParameterError where the samples are too few for standard errors."""

    def check_tensors(self, tensors: Sequence[Any]) -> None:
        """Raise ParameterError where a parameter does not fit T and the tensors of X."""


def at_input(xs: Sequence[np.ndarray]) -> Callable[[np.ndarray], list[np.ndarray]]:
    """The single point x of each row, as a sweep wants it."""
    return lambda rows: [x[rows] for x in xs]

