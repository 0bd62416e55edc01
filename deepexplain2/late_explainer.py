"""An explainer for a T that is a function of outputs and ys, made when ys say what they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from .errors import ParameterError
from .explanation import Explanation
from .request.base_explainer import BaseExplainer, Finished
from .request.form import Form
from .request.options import Options
from .request.target_data import with_spec
from .session import check_open
from .targets.function import FunctionTarget

ROWS = 256      # of an array that a stream cuts into pieces, before an explainer is made


class LateExplainer(BaseExplainer):
    """An explainer for a T that takes ys: an Explainer is made for every shape and dtype of ys, when the
    first of them are given.

    make: from the target that knows what ys are to the explainer. dtypes: of the attributions.
    """

    def __init__(self, make: Callable[[FunctionTarget], BaseExplainer], target: FunctionTarget, session: Any,
                 form: Form, dtypes: list[Any]):
        self._make, self._target, self._session = make, target, session
        self._form, self._known_dtypes = form, dtypes
        self._made: dict[Any, BaseExplainer] = {}

    def __repr__(self) -> str:
        return f'<LateExplainer: {self._target.label}>'

    def compile(self) -> None:
        """Nothing can be compiled before ys are known."""

    def plan(self, n: int, batch_size: int | None = None, memory_limit: int | None = None) -> Any:
        """As `Explainer.plan`, which needs to know what ys are: refused."""
        raise self._unknown('plan')

    def audit(self) -> Any:
        """As `Explainer.audit`, which needs to know what ys are: refused."""
        raise self._unknown('audit')

    def explanation(self, xs: Any, ys: Any = None, batch_size: int | None = None,
                    **options: Any) -> Explanation | list[Explanation]:
        """As `Explainer.explanation`."""
        self._parsed(batch_size, options)
        return self._explainer(ys).explanation(xs, ys, batch_size, **options)

    def _unknown(self, call: str) -> ParameterError:
        return ParameterError(f'{call}: {self._target.said} takes ys, and what they are is seen at the first '
                              f'run. Say it before: T=FunctionTarget(function, tf.TensorSpec(...))')

    def _explainer(self, ys: Any) -> BaseExplainer:
        """The explainer for ys like these."""
        target = with_spec(self._target, ys)
        key = target.specs_key
        if key not in self._made:
            self._made[key] = self._make(target)
        return self._made[key]

    def _run(self, xs: Any, ys: Any, options: Options) -> Finished:
        explainer = self._explainer(ys)
        explainer._check_options(options)
        return explainer._run(xs, ys, options)

    def _check_options(self, options: Options) -> None:
        check_open(self._session)
        self._classes(options)

    def _classes(self, options: Options) -> int | None:
        if options.classes is not None:
            raise ParameterError(f'classes: {self._target.said} takes data as ys, and has no classes')
        return None

    def _rows(self) -> int:
        return ROWS

    @property
    def _dtypes(self) -> list[Any]:
        return self._known_dtypes

    def _about(self) -> dict[str, Any]:
        return {'parameters': {}}


def dtypes_of(inputs: list[tf.Tensor], outputs: list[tf.Tensor]) -> list[Any]:
    """The dtypes of attributions to these inputs: of integers that of the first floating output."""
    floating = next((t.dtype for t in outputs if t.dtype.is_floating), tf.float32)
    return [(x.dtype if x.dtype.is_floating else floating).as_numpy_dtype for x in inputs]
