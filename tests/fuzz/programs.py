"""Programs: lines of Python that make a network, so that a failure is a script that can be read, run and shortened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np


@dataclass(frozen=True)
class Program:
    """kind: 'graph' or 'model'. lines: each makes h1, h2, ... from the ones before and from x; the last one is the output. setting: how the network
    is built, fed and brought to the library (way in, dtype, ...)."""
    kind: str
    seed: int
    lines: tuple[str, ...]
    setting: dict = field(default_factory=dict, compare=False)

    def rng(self, purpose: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, purpose])

    def source(self, indent: str = '    ') -> str:
        return ''.join(f'{indent}{line}\n' for line in self.lines)

    def shorter(self) -> Iterator[Program]:
        """The program without a piece of it: whole ends first, then single lines, whose name goes on as that of a tensor before it."""
        n = len(self.lines)
        for end in sorted({n // 4, n // 2, 3 * n // 4, n - 1} - {0}):
            yield replace(self, lines=self.lines[:end])
        for k in reversed(range(n)):
            made, _, expression = self.lines[k].partition(' = ')
            if not expression.startswith('h') or not expression[1:].isdigit():
                for before in dict.fromkeys([f'h{j}' for j in (k - 1, 0) if j >= 0]):
                    yield replace(self, lines=(*self.lines[:k], f'{made} = {before}', *self.lines[k + 1:]))

    def without_names(self) -> Program:
        """The program without lines that only give another name."""
        names: dict[str, str] = {}
        lines: list[str] = []
        for line in self.lines:
            made, _, expression = line.partition(' = ')
            if expression in names or (expression == 'h0'):
                names[made] = names.get(expression, expression)
            else:
                names[made] = made
                lines.append(f'{made} = ' + _renamed(expression, names))
        last = names[self.lines[-1].partition(' = ')[0]]
        return replace(self, lines=(*lines, *([] if lines and lines[-1].startswith(f'{last} = ') else [f'h_ = {last}'])))


def _renamed(expression: str, names: dict[str, str]) -> str:
    import re
    return re.sub(r'\bh\d+\b', lambda m: names.get(m[0], m[0]), expression)


def shortened(program: Program, fails: Callable[[Program], bool], out_of_time: Callable[[], bool]) -> Program:
    """A program that fails as well and of which no line can be left out, as far as time allows."""
    found = True
    while found and not out_of_time():
        found = False
        for candidate in program.shorter():
            if out_of_time():
                break
            if fails(candidate):
                program, found = candidate, True
                break
    return program
