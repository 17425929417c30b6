from . import ci as ci
from . import evidence as evidence
from . import interop as interop
from . import policy as policy
from . import predicates as predicates
from . import signers as signers
from . import sources as sources
from . import trust as trust
from .artifacts import Artifact as Artifact
from .bulk import verify_many as verify_many
from .envelope import Envelope as Envelope
from .envelope import Signature as Signature
from .errors import AttestError as AttestError
from .errors import InputError as InputError
from .errors import Rejected as Rejected
from .errors import SignerError as SignerError
from .keys import PublicKey as PublicKey
from .limits import Limits as Limits
from .policy import Policy as Policy
from .results.report import Report as Report
from .results.report import SignatureCheck as SignatureCheck
from .results.verified import Verified as Verified
from .schema.predicate_types import PredicateSchemas as PredicateSchemas
from .signers import Signer as Signer
from .signers import generate_key as generate_key
from .signers import open_signer as open_signer
from .signing import sign as sign
from .statement import ResourceDescriptor as ResourceDescriptor
from .statement import Statement as Statement
from .timestamps.client import Timestamper as Timestamper
from .trust.anchors import TrustAnchor as TrustAnchor
from .trust.anchors import TrustKey as TrustKey
from .trust.bundle import TrustBundle as TrustBundle
from .trust.signers import SignerChecks as SignerChecks
from .verifying import verify as verify

__version__: str

__all__: list[str]
