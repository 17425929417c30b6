from .evidence import Evidence as Evidence
from .evidence import evidence_of as evidence_of

__all__: list[str]
