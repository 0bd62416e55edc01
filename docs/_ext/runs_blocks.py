"""Python blocks of pages run when the documentation is built: a page whose code fails does not build.

The blocks of a page share their names, as in a session; figures that they leave open are shown below them. A
block that is only to be read is marked `py`.
"""

import re
from pathlib import Path
from textwrap import indent

BLOCK = re.compile(r'^```python\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def run_blocks(app, name, source):
    """Make each ```python of a page a plot directive; the first one of a page begins with no names."""
    if Path(app.env.doc2path(name)).suffix != '.md' or name.startswith('gallery'):
        return
    first = [' reset']

    def directive(block):
        reset = first.pop() if first else ''
        return f'```{{eval-rst}}\n.. plot::\n   :include-source: true\n   :context:{reset}\n\n' \
               f'{indent(block[1], "   ")}```'
    source[0] = BLOCK.sub(directive, source[0])


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
