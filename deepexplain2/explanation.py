"""The result of an explainer with all that plots and metrics need: Explanation."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import npz, plots
from .errors import FileError, ParameterError, ShapeError, first_line
from .explanation_checks import check
from .explanation_html import as_html
from .frames import frame_of
from .names import short_method, short_name

KIND, VERSION = 'an Explanation', 1
# fields with one entry per row
ROWS = 'values', 'xs', 'fx', 'f_baseline', 'delta', 'std_error', 'ys', 'index', 'by_feature', 'r2'


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """Attributions with what they explain: inputs, outputs, method, target and names.

    Parameters
    ----------
    values : ndarray of shape (n, ...), or list of them
        Attributions in units of T, one array per input; a list where X is a list.
    xs : ndarray of shape (n, ...), or list of them
        The samples that are explained.
    fx, f_baseline : ndarray of shape (n,), optional
        T times its weights at the samples and at the baseline (its mean over a set of baselines).
    delta : ndarray of shape (n,), optional
        What the attributions of a row miss of the sum that the method promises.
    std_error : like `values`, optional
        Standard errors of the attributions.
    ys : ndarray of shape (n,) or (n, ...), optional
        What of T is explained in every row: class indices, weights of the units of T, or the data that a
        target takes, such as zones.
    target, method : str
        What is explained, the name of its layer or tensor, and by what.
    parameters : dict
        Parameters of the method by name.
    input_names : sequence of str
        One name per array of `values`: those of the inputs, or of the layer.
    feature_names : sequence, optional
        For every input the names of its features (as many as a row of `values` has entries), or None.
    index : ndarray of shape (n,), optional
        Labels of the rows, as of a pandas DataFrame.
    layer : str
        The tensor between X and T whose attributions `values` are, and are shaped like; '' where that is X.
        xs may then be a list where `values` is an array.
    by_feature : ndarray of shape (n, features), optional
        Attributions by feature, where `features=` says what belongs together; `values` has that of its
        feature at every entry.
    by_feature_names : sequence, optional
        The names of these features.
    r2 : ndarray of shape (n,), optional
        Where the attributions are the coefficients of a model that stands for T around x: the share of the
        variance of T that it explains.
    unit : str
        What the numbers of `values` are, in words: 'share of logits', 'logits per unit of X'; '' where their
        scale means nothing.
    adds_up : bool
        Whether the attribution of several entries, such as the channels of a pixel, is the sum of theirs;
        else each has that of all of them.

    Raises
    ------
    ShapeError
        Without rows, and where the fields do not fit one another.

    Notes
    -----
    `explanation[3]`, `explanation[2:5]` and `explanation[mask]` are the Explanation of these rows, iteration
    goes row by row, and `len` is the number of rows. Arrays are not copied.

    Examples
    --------
    >>> import numpy as np
    >>> from deepexplain2.explanation import Explanation
    >>> explanation = Explanation(np.array([[1., -2.], [0., 3.]]), np.ones((2, 2)), target='price',
    ...                           feature_names=[['rooms', 'age']])
    >>> explanation
    <Explanation of price by input: 2 rows, (2, 2) float64>
    >>> explanation[1].values
    array([[0., 3.]])
    """

    values: Any
    xs: Any
    fx: np.ndarray | None = None
    f_baseline: np.ndarray | None = None
    delta: np.ndarray | None = None
    std_error: Any = None
    ys: np.ndarray | None = None
    target: str = ''
    method: str = ''
    parameters: Mapping[str, Any] = field(default_factory=dict)
    input_names: Sequence[str] = ('input',)
    feature_names: Sequence[Sequence[Any] | None] | None = None
    index: np.ndarray | None = None
    layer: str = ''
    by_feature: np.ndarray | None = None
    by_feature_names: Sequence[Any] | None = None
    r2: np.ndarray | None = None
    unit: str = ''
    adds_up: bool = True

    def __post_init__(self) -> None:
        check(self, ROWS)

    @property
    def arrays(self) -> list[np.ndarray]:
        """The attributions as a list with one array per input."""
        return self.values if isinstance(self.values, list) else [self.values]

    @property
    def sums(self) -> np.ndarray:
        """The sum of the attributions of every row, (n,) in float64; by feature, where they are."""
        if self.by_feature is not None:
            return self.by_feature.sum(1, dtype=np.float64)
        return sum((a.reshape(len(self), -1).sum(1, dtype=np.float64) for a in self.arrays),
                   np.zeros(len(self)))

    @property
    def title(self) -> str:
        """The method and what it explains, in short."""
        return ' of '.join(filter(None, [short_method(self.method), short_name(self.target)]))

    def features(self, k: int) -> list[Any]:
        """The names of the features of input k; by default their positions: 3, or '3, 4' for several axes."""
        return [self.feature(k, at) for at in range(self.arrays[k][0].size)]

    def feature(self, k: int, at: int) -> Any:
        """The name of one feature of input k, `at` in its rows when they are flat."""
        names = self.feature_names[k] if self.feature_names is not None else None
        if names is not None:
            return names[at]
        shape = self.arrays[k].shape[1:]
        return at if len(shape) == 1 else ', '.join(map(str, np.unravel_index(at, shape)))

    def __len__(self) -> int:
        first = self.arrays[0] if self.arrays else None
        return len(first) if isinstance(first, np.ndarray) and first.ndim else 0

    def __getitem__(self, rows: Any) -> Explanation:
        if isinstance(rows, (int, np.integer)) and not isinstance(rows, bool):
            if not -len(self) <= rows < len(self):
                raise IndexError(f'row {rows} of an Explanation of {len(self)} rows')
            rows = slice(rows % len(self), rows % len(self) + 1)
        if not isinstance(rows, slice):
            rows = np.asarray(rows)
            if rows.ndim != 1 or rows.dtype.kind not in 'biu':
                raise IndexError('rows of an Explanation are chosen by an integer, a slice, or a list of '
                                 'integers or booleans')
        chosen: dict[str, Any] = {
            name: [part[rows] for part in given] if isinstance(given, list) else given[rows]
            for name in ROWS if (given := getattr(self, name)) is not None}
        return dataclasses.replace(self, **chosen)

    def __iter__(self) -> Iterator[Explanation]:
        return (self[k] for k in range(len(self)))

    def __repr__(self) -> str:
        names, more = ', '.join(map(str, self.input_names[:3])), ', ...' * (len(self.arrays) > 3)
        what = ' '.join(f'{self.method} of {self.target} by {names}{more}'.split())
        shapes = ', '.join(f'{a.shape} {a.dtype.name}' for a in self.arrays[:3])
        return (f'<Explanation {what if len(what) <= 100 else what[:97] + "..."}: {len(self)} '
                f'row{"s" * (len(self) != 1)}, {shapes}{more}>')

    def _repr_html_(self) -> str:
        return plots.choose.as_picture_html(self) + as_html(self)

    def of_input(self, name: Any) -> Explanation:
        """The Explanation of one input of several, by name or position; without what belongs to all of them,
        the value at the baseline and the gap."""
        names = [str(n) for n in self.input_names]
        if isinstance(name, (int, np.integer)) and not isinstance(name, bool):
            if not -len(names) <= name < len(names):
                raise IndexError(f'input {name} of an Explanation of {len(names)} inputs')
            k = int(name) % len(names)
        elif name in names:
            k = names.index(name)
        else:
            raise ParameterError(f'no input {name!r}. There are: {", ".join(names)}')
        if not isinstance(self.values, list):
            return self
        xs = self.xs[k] if isinstance(self.xs, list) and len(self.xs) == len(names) else self.xs
        return dataclasses.replace(
            self, values=self.values[k], xs=xs, input_names=(names[k],), f_baseline=None, delta=None,
            std_error=None if self.std_error is None else self.std_error[k],
            feature_names=None if self.feature_names is None else [self.feature_names[k]],
            by_feature=None, by_feature_names=None)

    def plot(self, kind: str | None = None, **options: Any) -> Any:
        """Draw it with the plot that fits its data, or the one that is named; see `plots.plot`.

        Images as maps over them, sequences of letters as logos, series as coloured lines, tables as a
        waterfall (one row) or a beeswarm (many), token ids as words (`tokens=` says which).
        """
        return plots.plot(self, kind, **options)

    def to_frame(self) -> Any:
        """The attributions as a pandas DataFrame, one row per row and one column per feature.

        Returns
        -------
        DataFrame
            Its columns are the names of the features, for a list of inputs pairs (input, feature); its index
            is `index`, by default 0, 1, ...

        Raises
        ------
        MissingPackageError
            Without pandas.
        """
        return frame_of(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything to a file for `load`, of exactly this name; NumPy reads its arrays too.

        Arrays, and parameters that are numbers, strings, lists, tuples or dicts of these, come back equal to
        the bit. Parameters of other types, such as functions, come back as their repr.
        """
        npz.write(path, KIND, VERSION, {f.name: getattr(self, f.name) for f in dataclasses.fields(self)})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Explanation:
        """The Explanation that was saved; nothing in the file is executed.

        Raises
        ------
        FileError
            For a file that is damaged, of another program, or of a later version of the format.
        OSError
            Where there is no such file, or it cannot be opened.
        """
        content = npz.read(path, KIND, VERSION)
        try:
            return cls(**content)
        except (TypeError, ShapeError) as e:
            raise FileError(f'{os.fspath(path)!r} holds no whole Explanation: {first_line(e)}') from None
