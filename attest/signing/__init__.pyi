from ._together import Signing as Signing
from ._together import SigningOptions as SigningOptions
from ._together import sign as sign
from ._together import sign_all as sign_all
from ._together import sign_each as sign_each
from .inputs import signable as signable

__all__: list[str]
