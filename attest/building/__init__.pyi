from . import checksums as checksums
from . import ci as ci
from . import evidence as evidence
from . import images as images
from . import packages as packages
from . import run as run
from . import subjects as subjects
from . import trees as trees

__all__: list[str]
