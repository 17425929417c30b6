from .authorities import TimestampAuthority as TimestampAuthority
from .authorities import TimestampCheck as TimestampCheck
from .client import Timestamper as Timestamper

__all__: list[str]
