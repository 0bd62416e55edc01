"""Ways into a context: each makes a graph of a model, with constants for its weights."""

from .callable import from_callable
from .function import from_function
from .graph_def import from_graph_def, terminal_outputs
from .keras import from_keras
from .saved_model import from_saved_model
from .source import Source

__all__ = ['Source', 'from_callable', 'from_function', 'from_graph_def', 'from_keras', 'from_saved_model',
           'terminal_outputs']
