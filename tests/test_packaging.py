"""What is packed, and what the packages of the project say of it."""

import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

import deepexplain2

ROOT = Path(__file__).parent.parent
MADE = 'output', '__pycache__', '_build', '_pictures', 'gallery', 'generated', '.peers', 'jupyter_execute'


def test_the_source_package_is_whole(tmp_path):
    """All that tests, examples and the documentation need, and nothing that they made."""
    subprocess.run([sys.executable, 'setup.py', '-q', 'egg_info', '--egg-base', tmp_path, 'sdist',
                    '--dist-dir',
                    tmp_path], cwd=ROOT, check=True, capture_output=True)
    with tarfile.open(next(tmp_path.glob('*.tar.gz'))) as packed:
        names = {name.partition('/')[2] for name in packed.getnames()}
    wanted = {str(p.relative_to(ROOT)) for folder in ('deepexplain2', 'tests', 'examples', 'docs',
                                                      'benchmarks', '.ci')
              for p in (ROOT / folder).rglob('*')
              if p.is_file() and not set(MADE) & set(p.parts) and p.name != 'sg_execution_times.rst'}
    wanted |= {'README.md', 'CHANGELOG.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CITATION.cff', 'LICENSE',
               'Makefile',
               'pyproject.toml', 'setup.cfg', 'setup.py'}
    assert wanted <= names, sorted(wanted - names)
    assert not [name for name in names if set(MADE) & set(name.split('/'))]


def test_the_version_is_one():
    version = deepexplain2.__version__
    assert f'\nversion: {version}\n' in (ROOT / 'CITATION.cff').read_text()
    assert version in (ROOT / 'CHANGELOG.md').read_text()


ADDRESS = re.compile(r'https://(?:github\.com|raw\.githubusercontent\.com)/deepexplain2/deepexplain2/'
                     r'(?:(?:blob|tree)/)?main/([\w./-]+)')
PAGE = re.compile(r'https://deepexplain2\.github\.io/deepexplain2/([\w./-]+)\.html(?:#([\w-]+))?')


@pytest.mark.parametrize('page', ['README.md', 'setup.cfg', 'CONTRIBUTING.md', 'ARCHITECTURE.md'])
def test_what_is_linked_is_there(page):
    """Links are absolute, so that they work on PyPI; each leads to a file or a page of the documentation."""
    text = (ROOT / page).read_text()
    for path in ADDRESS.findall(text):
        assert (ROOT / path).exists(), path
    for name, part in PAGE.findall(text):
        source = ROOT / 'docs' / f'{name}.md'
        assert source.exists() or name.startswith('gallery/'), name
        assert not part or re.search(rf'^#+ {part}$', source.read_text(), re.MULTILINE | re.IGNORECASE), part
    if page == 'README.md':
        assert len(ADDRESS.findall(text)) > 8 and len(PAGE.findall(text)) > 5
        assert not re.findall(r'\]\((?!https://)', text)


def slug(name):
    """The name of a method as part of an address."""
    return name.replace('*', '_').replace('++', '_plus_plus')


def test_every_method_has_a_page():
    pages = {p.stem for p in (ROOT / 'docs' / 'methods').glob('*.md')} - {'index'}
    assert pages == set(map(slug, deepexplain2.methods()))
    for name, method in deepexplain2.methods.items():
        text = (ROOT / 'docs' / 'methods' / f'{slug(name)}.md').read_text()
        for part in '## Formula\n', '## When it misleads\n\n- ', f'.. autoclass:: {method.__name__}\n':
            assert text.startswith(f'# {name}\n') and part in text, (name, part)
    table = (ROOT / 'docs' / 'choose.md').read_text()
    assert {name for name in deepexplain2.methods() if f'[`{name}`](methods/' not in table} == set()


def test_every_error_and_metric_is_in_the_documentation():
    text = (ROOT / 'docs' / 'questions.md').read_text()
    for name, o in vars(deepexplain2.errors).items():
        if isinstance(o, type) and issubclass(o,
                                              (Warning,
                                               Exception)) and o.__module__ == 'deepexplain2.errors' \
                and name != 'DeepExplainError':
            assert f'`{name}`' in text, name
    listed = (ROOT / 'docs' / 'reference' / 'evaluation.md').read_text()
    for name in deepexplain2.metrics():
        assert f'   {deepexplain2.metrics[name].__name__}\n' in listed, name
