"""What a method does at every op between X and T, before any data is run."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from .attribution.base import Method
from .engine.model import Model
from .errors import DeepExplainError
from .graph.rulebook import (
    BROKEN,
    EVALUATED,
    GENERAL,
    GRADIENT,
    LINEAR,
    OPENED,
    PASSED,
    PLAIN,
    REFUSED,
    RULE,
    UNUSED,
)
from .graph.treatments import Treatment

# the worst first
ORDER = [REFUSED, PLAIN, UNUSED, OPENED, BROKEN, PASSED, GENERAL, RULE, GRADIENT, EVALUATED, LINEAR]
MEANING = {
    REFUSED: 'the method cannot explain through these: the call fails',
    PLAIN: 'nonlinear and without a rule: attributions may not add up',
    UNUSED: 'functions of tf.custom_gradient, which count with the gradient of the ops inside',
    OPENED: 'functions of tf.custom_gradient, whose gradient gives way to the rules of the ops inside',
    BROKEN: 'no gradient passes',
    PASSED: 'the plain gradient is the rule: all goes to the winner of a maximum, a softmax passes its '
            'derivative',
    GENERAL: 'the mean of the Jacobian between baseline and x',
    RULE: 'a rule for this kind of op',
    GRADIENT: 'the derivative',
    EVALUATED: 'the output is computed, nothing flows back',
    LINEAR: 'exact under every method',
}


class Audit:
    """How a method treats the ops between X and T, function bodies included. A table, in notebooks as HTML.

    Attributes
    ----------
    rows : list of Treatment
        One per op, with treatment, detail, name, type, layer and drops_input. Iteration is over rows.
    title : str
        The method, T and X.
    """

    def __init__(self, title: str, rows: list[Treatment]):
        self.title, self.rows = title, rows

    @classmethod
    def of(cls, method: Method, model: Model) -> Audit:
        """The audit of a method for T and X; adds nothing to the graph."""
        title = f'{method.name}: {model.target.name} by {", ".join(x.name for x in model.inputs)}'
        try:
            return cls(title, method.audit(model))
        except DeepExplainError as e:               # such as loops that a reference cannot follow
            return cls(title, [Treatment(REFUSED, str(e), '', '')])

    @property
    def groups(self) -> dict[str, list[Treatment]]:
        """The rows by treatment, the worst treatment first."""
        found = {how: [r for r in self.rows if r.treatment == how] for how in ORDER}
        return {how: rows for how, rows in found.items() if rows}

    @property
    def fits(self) -> bool:
        """Whether no op is refused or left to a plain gradient, and none drops values of X."""
        return not any(r.treatment in (REFUSED, PLAIN, UNUSED, OPENED) or r.drops_input for r in self.rows)

    def __iter__(self) -> Iterator[Treatment]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        counts = ', '.join(f'{len(rows)} {how}' for how, rows in self.groups.items())
        return f'<Audit {self.title}: {counts}>'

    def __str__(self) -> str:
        lines = [f'{self.title} ({"fits" if self.fits else "does not fit"})']
        for how, rows in self.groups.items():
            lines.append(f'\n{how}: {len(rows)} ops, {MEANING[how]}')
            in_short = how in (LINEAR, EVALUATED, GRADIENT)
            lines += [f'  {_kinds(rows)}'] if in_short else [f'  {_line(r)}' for r in rows]
        return '\n'.join(lines)

    def _repr_html_(self) -> str:
        body = ''.join(f'<tr><td>{escape(r.treatment)}</td><td>{escape(r.detail)}</td>'
                       f'<td>{escape(r.type)}</td><td><code>{escape(r.name)}</code></td>'
                       f'<td>{escape(r.layer)}</td></tr>'
                       for rows in self.groups.values() for r in rows)
        return (f'<table><caption>{escape(self.title)}: {"fits" if self.fits else "does not fit"}</caption>'
                f'<tr><th>treated as</th><th></th><th>op</th><th>name</th><th>layer</th></tr>{body}</table>')


def _kinds(rows: list[Treatment]) -> str:
    types = [r.type for r in rows]
    return ', '.join(f'{t} {types.count(t)}' for t in sorted(set(types)))


def _line(row: Treatment) -> str:
    return f'{row}' + (', loses values of X' if row.drops_input else '')
