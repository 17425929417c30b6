from ._containers import read as read
from ._containers import read_single as read_single
from ._document import Container as Container
from ._document import Document as Document
from ._document import UnverifiedEnvelope as UnverifiedEnvelope
from ._image import Image as Image
from ._image import StoredAttestation as StoredAttestation
from ._image import image as image
from ._reading import ReadEnvelope as ReadEnvelope
from ._reading import read_all as read_all
from ._reading import read_document as read_document
from .cosign_image import read_layer as read_layer

__all__: list[str]
