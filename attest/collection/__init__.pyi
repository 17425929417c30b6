from ._deciding import CollectionOptions as CollectionOptions
from ._deciding import decide as decide
from ._deciding import verify_collection as verify_collection

__all__: list[str]
