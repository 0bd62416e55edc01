"""Ways into a context: each makes a graph of a model, most with constants for its weights."""

from .callable import from_callable
from .checkpoint import from_checkpoint
from .function import from_function
from .graph_def import from_graph_def
from .keras import from_keras
from .saved_model import from_saved_model
from .source import Source
from .terminals import terminal_outputs

__all__ = ['Source', 'from_callable', 'from_checkpoint', 'from_function', 'from_graph_def', 'from_keras',
           'from_saved_model', 'terminal_outputs']
