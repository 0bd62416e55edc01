"""How the documentation is built: `make docs`."""

import os
import sys
import warnings
from pathlib import Path

HERE = Path(__file__).parent
os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'               # what TensorFlow says of the machine
os.environ['PYTHONWARNINGS'] = 'ignore'                 # of the processes that run the examples
warnings.filterwarnings('ignore', module='joblib')        # of workers that are started anew
sys.path.insert(0, str(HERE / '_ext'))

import deepexplain2  # noqa: E402

project = 'deepexplain2'
author = 'The deepexplain2 developers'
copyright = author
version = release = deepexplain2.__version__

extensions = ['sphinx.ext.autodoc', 'sphinx.ext.autosummary', 'numpydoc', 'myst_nb', 'sphinx_design',
              'matplotlib.sphinxext.mathmpl', 'sphinx_gallery.gen_gallery', 'runs_blocks', 'draws_methods']
exclude_patterns = ['_build', 'gallery/*.ipynb', '**.ipynb_checkpoints', 'jupyter_execute']
default_role = 'code'
language = 'en'

html_theme = 'pydata_sphinx_theme'
html_title = 'deepexplain2'
html_static_path = ['_static']
html_css_files = ['style.css']
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    'navbar_align': 'left', 'show_nav_level': 1, 'navigation_depth': 2, 'show_toc_level': 2,
    'secondary_sidebar_items': ['page-toc'], 'pygments_light_style': 'tango', 'navigation_with_keys': False,
    'footer_start': ['copyright'], 'footer_end': [],
}
html_sidebars = {name: [] for name in ('index', 'start', 'choose', 'coming_from', 'questions')}

autodoc_member_order = 'bysource'
autodoc_typehints = 'none'                              # the sections of docstrings say it
autosummary_generate = True
numpydoc_show_class_members = False
numpydoc_use_plots = False

myst_enable_extensions = ['colon_fence']
myst_heading_anchors = 3
nb_execution_mode = 'force'
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_merge_streams = True
nb_output_stderr = 'remove'                             # TensorFlow's words on the machine

mathmpl_fontsize = 13.

sphinx_gallery_conf = {
    'examples_dirs': '../examples', 'gallery_dirs': 'gallery', 'filename_pattern': r'\.py$',
    'download_all_examples': False, 'show_signature': False, 'show_memory': False, 'min_reported_time': 1e9,
    'reset_argv': 'runs_blocks.no_arguments', 'parallel': 2, 'remove_config_comments': True,
    'only_warn_on_example_error': False, 'abort_on_example_error': True, 'write_computation_times': False,
    'within_subsection_order': 'runs_blocks.keras_first',
}
suppress_warnings = ['config.cache']
