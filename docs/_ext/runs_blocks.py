"""Python blocks of pages run when the documentation is built: a page whose code fails does not build.

The blocks of a page share their names, as in a session. What they print and the figures that they leave open
are shown below them. A block that is only to be read is marked `py`.
"""

import contextlib
import io
import linecache
import os
import re
from pathlib import Path

from sphinx.errors import ExtensionError

BLOCK = re.compile(r'^```python\n(.*?)^```$', re.MULTILINE | re.DOTALL)
ROOT = Path(__file__).parents[2]
PICTURES = '_pictures'


def run_blocks(app, name, source):
    """Run the ```python blocks of a page, and put below each what it printed and drew."""
    if Path(app.env.doc2path(name)).suffix != '.md' or not BLOCK.search(source[0]):
        return
    import matplotlib.pyplot as plt
    names, count = {'__name__': '__main__'}, 0
    folder = Path(app.srcdir) / PICTURES
    folder.mkdir(exist_ok=True)

    def run(block):
        nonlocal count
        count += 1
        out = io.StringIO()
        try:
            with contextlib.redirect_stdout(out):
                where = f'<block {count} of {name}>'
                # for what reads the code of a function, as tf.function does
                linecache.cache[where] = len(block[1]), None, block[1].splitlines(True), where
                exec(compile(block[1], where, 'exec'), names)
        except Exception as e:
            raise ExtensionError(f'block {count} of {name}:\n{block[1]}', e) from e
        found = [block[0]]
        if out.getvalue():
            found.append(f'```text\n{out.getvalue().rstrip()}\n```')
        for k, number in enumerate(plt.get_fignums()):
            picture = f'{name.replace("/", "-")}-{count}-{k}.png'
            plt.figure(number).savefig(folder / picture, dpi=100)
            found.append(f'![What this draws](/{PICTURES}/{picture})')
        plt.close('all')
        return '\n\n'.join(found)
    here = os.getcwd()
    os.chdir(ROOT)                          # where examples/data is
    try:
        source[0] = BLOCK.sub(run, source[0])
    finally:
        os.chdir(here)


def no_arguments(gallery, script_vars):
    """Examples of the gallery run in full, and know where they are, as programs do."""
    script_vars['example_globals']['__file__'] = str(script_vars['src_file'])
    return []


def keras_first(name):
    """The order of the gallery: examples of TF1 last."""
    first = ['keras3.py', 'tabular.py', 'lstm_text.py', 'cam.py', 'compare.py']
    last = ['saved_model.py', 'mnist.py', 'text_embeddings.py']
    return (first.index(name) if name in first else 50 + last.index(name) if name in last else 20, name)


def escape(app, what, name, obj, options, lines):
    """Docstrings are prose with formulas: |x| and names_ are no markup."""
    for k, line in enumerate(lines):
        if not line.lstrip().startswith(('>>>', '...')):
            parts = line.split('`')                         # every other part is code
            parts[::2] = [re.sub(r'(\w)_(?!\w)', r'\1\\_', part.replace('|', r'\|')) for part in parts[::2]]
            lines[k] = '`'.join(parts)


def setup(app):
    """Called by Sphinx."""
    app.connect('source-read', run_blocks)
    app.connect('autodoc-process-docstring', escape, priority=400)     # before numpydoc
    return {'parallel_read_safe': True}
