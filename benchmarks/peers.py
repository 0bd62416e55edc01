"""The environments of other libraries, made from the extras peer_NAME of setup.cfg under
benchmarks/.peers."""

import configparser
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def requirements(name):
    setup = configparser.ConfigParser()
    setup.read(HERE.parent / 'setup.cfg')
    return setup['options.extras_require'][f'peer_{name}'].split('\n')[1:]


def environment(name):
    """The Python of a peer's environment: made if need be, and again when the requirements have changed."""
    folder, wanted = HERE / '.peers' / name, requirements(name)
    python, installed = folder / 'bin' / 'python', folder / 'installed'
    if not installed.exists() or installed.read_text().split('\n') != wanted:
        print(f'making {folder.relative_to(HERE.parent)}', flush=True)
        subprocess.run([sys.executable, '-m', 'venv', '--clear', folder], check=True)
        subprocess.run([python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', *wanted],
                       check=True)
        installed.write_text('\n'.join(wanted))
    return python


def start(python, *arguments, stderr, environment=None):
    """A script of this folder in an environment, to talk to by lines."""
    return subprocess.Popen([python, *map(str, arguments)], cwd=HERE, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=stderr, text=True,
                            env={**os.environ, 'PYTHONPATH': '', **(environment or {})})
