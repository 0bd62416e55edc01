"""Methods that change how another method is used: what they do not say themselves is that of the other
one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from ..errors import ParameterError, shown
from ..parameters import Kind
from .base import Method, Plan
from .registry import create


def inner(value: Any, name: str) -> Method:
    """Check a method, or the name of one with its default parameters."""
    if not isinstance(value, (str, Method)):
        raise ParameterError(f'{name} must be a method, an object with its parameters, or the name of one, '
                             f'not '
                             f'{shown(value)}')
    return create(value, {})


Inner = Annotated[Method, Kind('a method', inner)]


@dataclass(frozen=True)
class Wrapper(Method):
    """Base of methods that use another method, several times or on other inputs.

    A subclass says how the attributions of `of` are combined (`attribute`), and how often it is asked
    (`times`).
    """

    of: Inner

    #: How often `of` is asked.
    times = 1

    @property
    def baseline(self) -> Any:
        """As for the method inside."""
        return self.of.baseline

    @property
    def references(self) -> Any:
        """As for the method inside."""
        return self.of.references

    @property
    def average(self) -> bool | None:  # type: ignore[override]
        """As for the method inside."""
        return self.of.average

    @property
    def masks(self) -> str:  # type: ignore[override]
        """As for the method inside."""
        return self.of.masks

    @property
    def averages(self) -> bool:  # type: ignore[override]
        """As for the method inside."""
        return self.of.averages

    @property
    def is_perturbation(self) -> bool:  # type: ignore[override]
        """As for the method inside."""
        return self.of.is_perturbation

    @property
    def needs_space(self) -> bool:  # type: ignore[override]
        """As for the method inside."""
        return self.of.needs_space

    @property
    def takes_images(self) -> bool:  # type: ignore[override]
        """As for the method inside."""
        return self.of.takes_images

    @property
    def adds_up(self) -> bool:  # type: ignore[override]
        """As for the method inside."""
        return self.of.adds_up

    def unit_of(self, target: str) -> str:
        """As for the method inside."""
        return self.of.unit_of(target)

    @property
    def is_by_feature(self) -> bool:  # type: ignore[override]
        """As for the method inside."""
        return self.of.is_by_feature

    @property
    def switches_features(self) -> bool:  # type: ignore[override]
        """As for the method inside."""
        return self.of.switches_features

    @property
    def linear_in_target(self) -> bool:  # type: ignore[override]
        """As for the method inside."""
        return self.of.linear_in_target

    @property
    def zero_without_influence(self) -> bool:  # type: ignore[override]
        """As for the method inside."""
        return self.of.zero_without_influence

    @property
    def remedy_for_zeros(self) -> str:  # type: ignore[override]
        """As for the method inside."""
        return self.of.remedy_for_zeros

    @property
    def graph_key(self) -> Hashable:
        """As for the method inside: a wrapper adds no ops."""
        return self.of.graph_key

    def located(self, name_of: Callable[[Any], str]) -> Method:
        """As for the method inside."""
        inside = self.of.located(name_of)
        return self if inside is self.of else replace(self, of=inside)

    def fitted(self, model):
        """As for the method inside."""
        inside = self.of.fitted(model)
        return self if inside is self.of else replace(self, of=inside)

    def shaped_like(self, model):
        """As for the method inside."""
        return self.of.shaped_like(model)

    def query(self, model):
        """Ask what the method inside asks."""
        return self.of.query(model)

    def audit(self, model):
        """As for the method inside."""
        return self.of.audit(model)

    def spread(self, found, sweep, xs):
        """As for the method inside."""
        return self.of.spread(found, sweep, xs)

    def feature_names(self, rows):
        """As for the method inside."""
        return self.of.feature_names(rows)

    def check_tensors(self, tensors: Sequence[Any]) -> None:
        """As for the method inside."""
        self.of.check_tensors(tensors)

    def plan(self, shapes: Sequence[tuple[int, ...]]) -> Plan:
        """What the method inside does, `times` times."""
        evaluations, results = self.of.plan(shapes)
        return Plan(None if evaluations is None else [e for e in evaluations for _ in range(self.times)],
                    results)
