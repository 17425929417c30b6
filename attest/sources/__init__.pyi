from . import sigstore as sigstore
from ._reading import ReadEnvelope as ReadEnvelope
from ._reading import parse as parse
from ._reading import read_all as read_all

__all__: list[str]
