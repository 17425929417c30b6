from ._statement import match_each as match_each
from ._statement import match_statement as match_statement

__all__: list[str]
