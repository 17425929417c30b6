from .collection import CheckedEnvelope as CheckedEnvelope
from .collection import CollectionReport as CollectionReport
from .collection import Reason as Reason
from .decisions import Decision as Decision
from .decisions import Decisions as Decisions
from .decisions import Failure as Failure
from .decisions import RequirementResult as RequirementResult
from .rejected import Rejected as Rejected
from .report import Note as Note
from .report import Report as Report
from .report import RootCheck as RootCheck
from .report import SignatureCheck as SignatureCheck
from .verified import Verified as Verified

__all__: list[str]
