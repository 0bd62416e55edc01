"""What the README says to type works as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FIRST, *OTHERS = re.findall(r'```python\n(.*?)```', (ROOT / 'README.md').read_text(), re.DOTALL)
EACH = """
import os, sys, traceback
failed = []
for code in {others!r}:
    try:
        exec(code, dict(globals()))
    except Exception:
        failed.append(code.splitlines()[0] + traceback.format_exc())
sys.exit('\\n'.join(failed) or 0)
"""


def test_every_piece_of_code(tmp_path):
    """Each by itself after the first, in an empty folder."""
    assert len(OTHERS) > 2
    done = subprocess.run([sys.executable, '-c', FIRST + EACH.format(others=OTHERS)], cwd=tmp_path,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith('(5, 8, 8, 1)\n')
    assert 'Error' not in done.stdout


@pytest.mark.parametrize('page', ['ARCHITECTURE.md'])
def test_files_that_are_named_exist(page):
    text = (ROOT / page).read_text()
    named = re.findall(r'`((?:examples|benchmarks|tests|docs)/[\w/.]+\.(?:py|png))`',
                       text) + re.findall(r'\]\(([\w/.]+)\)', text)
    assert named
    for name in named:
        assert (ROOT / name).exists() or name.startswith('examples/output'), name
