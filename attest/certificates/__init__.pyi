from .authorities import Authority as Authority
from .authorities import Proof as Proof
from .authorities import SigstoreAuthority as SigstoreAuthority
from .authorities import X509Authority as X509Authority
from .authorities import read_authorities as read_authorities
from .chain import check_chain as check_chain
from .chain import demand_ca as demand_ca
from .chain import demand_signers_chain as demand_signers_chain
from .material import VerificationMaterial as VerificationMaterial
from .material import material_of as material_of
from .names import CLAIMS as CLAIMS
from .names import CertificateNames as CertificateNames
from .names import names_in as names_in
from .revocation import RevocationList as RevocationList
from .revocation import Revocations as Revocations

__all__: list[str]
