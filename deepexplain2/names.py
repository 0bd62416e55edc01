"""Names of tensors and methods where there is little room."""

import re


def short_name(tensor: str) -> str:
    """What a tensor is called where there is little room: 'logits' for 'model/logits/BiasAdd:0'."""
    if not re.fullmatch(r'[\w.\-\\/]+:\d+', tensor):
        return tensor
    parts = tensor.rsplit(':', 1)[0].split('/')
    # an op in a layer is named after its type
    return parts[-2] if len(parts) > 1 and re.fullmatch(r'[A-Z][A-Za-z0-9]*(_\d+)?', parts[-1]) else parts[-1]


def short_method(method: str, length: int = 48) -> str:
    """A method with its parameters, which are left out where they are long: 'DeepLift(...)'."""
    said = re.sub(r"'([^']*/[^']*:\d+)'", lambda name: repr(short_name(name[1])), method).removesuffix('()')
    return said if len(said) <= length and '\n' not in said else f'{said.partition("(")[0]}(...)'
