from . import authorities as authorities
from . import basis as basis
from . import diff as diff
from . import editing as editing
from . import fetching as fetching
from . import history as history
from . import lint as lint
from . import permission as permission
from . import publishing as publishing
from . import review as review
from . import signers as signers
from . import signing as signing
from . import updating as updating
from .anchors import TrustAnchor as TrustAnchor
from .anchors import TrustKey as TrustKey
from .anchors.identities import TrustIdentity as TrustIdentity
from .anchors.roots import TrustRoots as TrustRoots
from .bundle import TrustBundle as TrustBundle
from .signers import SignerChecks as SignerChecks

__all__: list[str]
