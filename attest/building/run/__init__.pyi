from . import masking as masking
from . import process as process
from . import record as record
from . import snapshot as snapshot
from . import tracing as tracing

__all__: list[str]
