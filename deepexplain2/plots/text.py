"""Words of texts."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from ..kinds_of_values import choice
from .figure import axes
from .given import count, is_explanation
from .scale import PERCENTILE, Scale
from .words import PALE, Document, columns, documents, lines, pale

FORMS = 'axes', 'html', 'terminal'
INCHES = .602 * 9 / 72          # the width of a column of letters of 9 points
GAP = 2                      # columns between the entries of the legend


class Html(str):
    """HTML that a notebook shows as such."""

    def _repr_html_(self) -> str:
        return str(self)


class Ansi(str):
    """Text with the colours of a terminal, shown as such by a console."""

    def __repr__(self) -> str:
        return str(self)


def text(values: Any, tokens: Any = None, *, to: str = 'axes', ax: Any = None, prediction: Any = None,
         label: Any = None, join: bool = True, width: int = 80, percentile: float = PERCENTILE,
         unit: str | None = None, title: str | None = None) -> Any:
    """Draw documents with their words coloured by attribution, black on pale: red for the target, blue
    against it.

    Parameters
    ----------
    values : Explanation, or array (length,) or (length, embedding), or list of these
        Attributions of every token; embeddings are summed. All documents share one scale.
    tokens : list of str, list of lists of str, or vocabulary
        The tokens of each document. For the Explanation of token ids also {id: word} or a function of an id.
        Where there are fewer tokens than attributions, the rest, of the padding, is summed and said.
    to : {'axes', 'html', 'terminal'}
        Axes of matplotlib; a str of HTML that notebooks show; a str with the colours of a terminal. Only the
        first needs matplotlib.
    ax : Axes, optional
        Where to draw.
    prediction, label : str, number, or one for each document, optional
        What stands above each document; by default the value of T, where the Explanation has it.
    join : bool, default True
        Whether pieces of words become words, with the sum of their attributions: '##ing' of WordPiece, and
        what begins with '▁' (SentencePiece) or 'Ġ' (byte pairs).
    width : int, default 80
        Columns of a line.
    percentile, unit, title
        As for `image`.

    Returns
    -------
    Axes, or str

    Raises
    ------
    ShapeError
        Where a document has more tokens than attributions.

    Examples
    --------
    >>> from deepexplain2 import plots
    >>> print(plots.text([.1, 2., -.5], ['a', 'great', 'mess'], to='html')[:20])
    <div style="color:#0
    """
    choice(to, 'to', FORMS)
    width = count('width', width)
    found, scale = documents(values, tokens, prediction, label, join, unit, percentile)
    if title is None:
        title = values.title if is_explanation(values) else ''
    if to == 'html':
        return Html(_html(found, scale, title))
    if to == 'terminal':
        return Ansi('\n'.join(_terminal(found, scale, title, width)))
    return _draw(found, scale, title, width, ax)


def _rest(document: Document) -> str:
    return f'(padding: {document.rest:+.2g})' if abs(document.rest) > 0 else ''


def _css(colour: np.ndarray) -> str:
    return '#' + ''.join(f'{round(255 * c):02x}' for c in colour)


def _html(found: list[Document], scale: Scale, title: str) -> str:
    style = 'color:#000;background:#fff;font-family:sans-serif;line-height:1.9;padding:.4em'
    parts = [f'<div style="{style}">', f'<div><b>{escape(title)}</b></div>' if title else '']
    for document in found:
        head = escape(' · '.join(document.head))
        parts.append('<p style="margin:.6em 0">' + (f'<small>{head}</small><br>' if head else ''))
        for word, value in zip(document.words, document.values):
            said = 'no value' if np.isnan(value) else f'{value:+.3g}'
            shown = escape(word).replace('Ċ', '\n').replace('\n', '<br>') or '&nbsp;'
            box = f'background:{_css(pale(scale, value))};border-radius:3px;padding:1px 3px'
            parts.append(f'<span style="{box}" title="{said}">{shown}</span>')
        parts.append(f'<small>{_rest(document)}</small></p>')
    parts.append('<small>' + ' '.join(
        f'<span style="background:{_css(colour)};padding:1px 6px">{said}</span>'
        for colour, said in _legend(scale)) + f' {escape(scale.label)}</small></div>')
    return '\n'.join(parts)


def _legend(scale: Scale) -> list[tuple[np.ndarray, str]]:
    return [(PALE[0], f'{scale.low:+.2g}'), (np.ones(3), '0'), (PALE[1], f'{scale.top:+.2g}')]


def _unit(scale: Scale) -> str:
    return scale.label.replace('\n', ' ')


def _ansi(word: str, colour: np.ndarray) -> str:
    r, g, b = (round(255 * c) for c in colour)
    return f'\x1b[48;2;{r};{g};{b}m\x1b[38;2;0;0;0m{word}\x1b[0m'


def _terminal(found: list[Document], scale: Scale, title: str, width: int) -> list[str]:
    out = [title] if title else []
    for document in found:
        out += [' · '.join(document.head)] if document.head else []
        out += [' '.join(_ansi(word, pale(scale, v)) for _, _, word, v in line)
                for line in lines(document, width)]
        out += [_rest(document)] if _rest(document) else []
        out.append('')
    legend = ' '.join(_ansi(f' {said} ', colour) for colour, said in _legend(scale))
    return [*out, f'{legend} {_unit(scale)}']


def _draw(found: list[Document], scale: Scale, title: str, width: int, ax: Any) -> Any:
    """Every letter is one wide, every line one high."""
    rows = [(document, lines(document, width)) for document in found]
    high = sum(len(some) + bool(d.head) + bool(_rest(d)) + .5 for d, some in rows) + 1.5
    # a short text has a short line
    wide = max([40, *(line[-1][0] + line[-1][1] for _, some in rows for line in some if line),
                *(columns(' · '.join(d.head)) for d in found), min(len(title), width),
                sum(len(said) + GAP for _, said in _legend(scale)) + len(_unit(scale))])
    with axes(ax, (wide * INCHES * 1.05 + .2, .21 * high + .4)) as axis:
        axis.set(xlim=(-.5, wide + .5), ylim=(high, 0))
        axis.axis('off')
        axis.set_title(title, fontsize=9, loc='left', wrap=True)
        if ax is None:
            axis.figure.set_layout_engine('none')           # which shrinks axes without knowing of letters
            axis.set_position((.01, 0, .98, 1 - .28 / axis.figure.get_figheight() if title else 1))
        box = axis.get_window_extent()
        points = min(9., box.width / axis.figure.dpi * 72 / ((wide + 1) * .602), 72 * box.height
                     / axis.figure.dpi / high * .75)

        def write(x: float, y: float, said: str, colour: Any = None, **options: Any) -> None:
            if colour is not None:
                from matplotlib.patches import Rectangle
                axis.add_patch(Rectangle((x - .15, y - .43), columns(said) + .3, .86, facecolor=colour,
                                         linewidth=0))
            # each letter in its place, whatever the font and the resolution of the figure
            axis.text(x, y, said.replace('$', r'\$'), fontsize=points, family='monospace', va='center',
                      **options)
        y = .5
        for document, some in rows:
            if document.head:
                write(0, y, ' · '.join(document.head), color='0.35')
                y += 1
            for line in some:
                for x, _, word, v in line:
                    write(x, y, word, pale(scale, v))
                y += 1
            if _rest(document):
                write(0, y, _rest(document), color='0.35')
                y += 1
            y += .5
        x = 0
        for colour, said in _legend(scale):
            write(x, y + .5, said, colour)
            x += len(said) + GAP
        write(x, y + .5, _unit(scale), color='0.35')
    return axis
