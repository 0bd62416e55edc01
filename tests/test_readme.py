"""What the README says to type works as it stands there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_ten_lines(capsys):
    code = re.search(r'## Ten lines\n\n```python\n(.*?)```', (ROOT / 'README.md').read_text(), re.DOTALL)
    exec(code.group(1), {})
    assert capsys.readouterr().out.strip() == '(5, 4)'


@pytest.mark.parametrize('page', ['README.md', 'ARCHITECTURE.md'])
def test_files_that_are_named_exist(page):
    text = (ROOT / page).read_text()
    named = re.findall(r'`((?:examples|benchmarks|tests|docs)/[\w/.]+\.(?:py|png))`',
                       text) + re.findall(r'\]\(([\w/.]+)\)', text)
    assert named
    for name in named:
        assert (ROOT / name).exists() or name.startswith('examples/output'), name
