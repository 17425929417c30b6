from . import about as about
from . import attaching as attaching
from . import credentials as credentials
from . import options as options

__all__: list[str]
