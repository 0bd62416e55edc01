"""The arrows of ARCHITECTURE.md: each room imports only what lies below it."""

import ast
import re
from pathlib import Path

import deepexplain2

ROOT = Path(deepexplain2.__file__).parent
LAYERS = [{'__init__', 'tensorflow', 'testing'}, {'context'}, {'evaluation_context'}, {'randomized_context'},
          {'explainer_context'},
          {'tokens', 'late_explainer', 'value_context'}, {'named_context', 'evaluation'},
          {'compiled', 'model_context'}, {'explainer'}, {'ways_in'}, {'audit'}, {'request'},
          {'targets'}, {'attribution', 'lrp'}, {'engine'}, {'sources', 'rules'}, {'graph', 'features'},
          {'parametrized', 'postprocess'}, {'parameters', 'registry'},
          {'tensors', 'values', 'session'}, {'kinds', 'explanation'},
          {'npz', 'explanation_html', 'explanation_checks', 'frames', 'plots'}, {'kinds_of_values'},
          {'errors', 'names'}]


def room(path):
    return path.relative_to(ROOT).parts[0].removesuffix('.py')


def imported(path, for_types=True):
    """Rooms that a file imports, with the file inside the room where it is named. for_types: also what is
    imported for annotations alone."""
    tree = ast.parse(path.read_text())
    if not for_types:
        tree.body = [n for n in tree.body if not (isinstance(n, ast.If)
                                                  and ast.unparse(n.test) == 'TYPE_CHECKING')]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = path.relative_to(ROOT).parts[:-node.level] if node.level <= len(
                path.relative_to(ROOT).parts) else ()
            parts = base + tuple((node.module or '').split('.') if node.module else ())
            for alias in node.names:
                yield (*parts, alias.name)
        assert not (isinstance(node, ast.ImportFrom) and not node.level
                    and node.module.startswith('deepexplain2')), path


def test_imports_point_one_way():
    level = {r: k for k, rooms in enumerate(LAYERS) for r in rooms}
    for path in ROOT.rglob('*.py'):
        for target in imported(path):
            if target[0] != room(path):
                assert level[room(path)] < level[target[0]], \
                    f'{path.relative_to(ROOT)} imports {".".join(target)}'


def test_methods_do_not_import_one_another_or_see_a_session():
    for path in (ROOT / 'attribution').rglob('*.py'):
        if path.stem != '__init__':
            assert not any(t[0] == 'attribution' and t[1] in ('gradient', 'layers', 'perturbation',
                                                            'propagation')
                           for t in imported(path)), path
        assert 'session.run' not in path.read_text() and 'import tensorflow' not in path.read_text(), path


def test_no_imports_in_circles():
    """Between files, inside of a room too."""
    files = {path.relative_to(ROOT).with_suffix('').parts: path for path in ROOT.rglob('*.py')}
    files = {tuple(p for p in parts if p != '__init__'): path for parts, path in files.items()}
    below = {parts: {next(t[:k] for k in range(len(t), -1, -1) if t[:k] in files)
                     for t in imported(path, False)} - {parts}
             for parts, path in files.items()}
    seen: dict = {}

    def visit(parts, way):
        assert parts not in way, ' -> '.join('.'.join(p) for p in [*way[way.index(parts):], parts])
        if parts not in seen:
            seen[parts] = True
            for target in below[parts]:
                visit(target, [*way, parts])
    for parts in files:
        visit(parts, [])


def test_metrics_see_no_session():
    for path in (ROOT / 'metrics').rglob('*.py'):
        assert 'session' not in path.read_text().replace('never a session', ''), path


def test_features_and_explanations_are_plain_numpy():
    rooms = [*(ROOT / 'features').glob('*.py'), *(ROOT / 'postprocess').glob('*.py'),
             *(ROOT / 'plots').glob('*.py')]
    for path in [*rooms, *ROOT.glob('explanation*.py'), ROOT / 'npz.py']:
        assert 'import tensorflow' not in path.read_text(), path


def strings(path):
    """The strings of a file that are no docstrings, nor the method that another one uses by default."""
    tree = ast.parse(path.read_text())
    owners = (n for n in ast.walk(tree) if isinstance(n, (ast.Module, ast.ClassDef, ast.FunctionDef))
              and n.body)
    docs = {id(n.body[0].value) for n in owners if isinstance(n.body[0], ast.Expr)}
    docs |= {id(n.value) for n in ast.walk(tree)
             if isinstance(n, ast.AnnAssign) and ast.unparse(n.target) == 'of'}
    return [n.value for n in ast.walk(tree)
            if isinstance(n, ast.Constant) and isinstance(n.value, str) and id(n) not in docs]


def test_names_of_methods_stand_in_their_files_alone():
    """What says which methods can do something asks the registry."""
    own = {name: ROOT.joinpath(*cls.__module__.split('.')[1:]).with_suffix('.py')
           for name, cls in deepexplain2.methods.items()
           if name not in ('gradient', 'lrp')}              # an answer's name too, and a module's
    for path in ROOT.rglob('*.py'):
        for text in strings(path) if path != ROOT / 'attribution' / '__init__.py' else ():
            named = [name for name in own if re.search(rf'(?<![\w.]){re.escape(name)}(?![\w+])', text)]
            assert all(own[name] == path for name in named), f'{path.relative_to(ROOT)}: {text}'
