"""What an error of Google Cloud KMS, gRPC or google-auth means.

Rule: the status of an answer and the class of an error decide, because the text may contain a path or a token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attest.errors import InputError
from attest.signers._kms import KmsError, first, kinds

if TYPE_CHECKING:
    from collections.abc import Mapping


def fault_of(error: Exception) -> KmsError | None:
    """The meaning of an error, or None if it is unknown."""
    if "GoogleAPICallError" not in kinds(error):
        return first(kinds(error), _FAILURES)
    status = status_of(error)
    fault = first([status], _REFUSALS) or _FAILED
    return fault._replace(message=f"{fault.message} ({status})") if status else fault


def not_enabled(state: str) -> KmsError:
    """The error about a version in a state other than ENABLED."""
    message, hint = _STATES.get(state, (f"cannot be used: its state is {state}", None))
    return KmsError("key-disabled", f"the version of the key {message}", hint)


def unusable(algorithm: str) -> InputError:
    """The error about a key with an algorithm of Google's that is not supported."""
    if "_SIGN_" in algorithm or algorithm.isdecimal():
        return InputError("key-unsupported", f"the algorithm {algorithm} of the key is not supported")
    return InputError("key-not-allowed", f"the key cannot sign: its algorithm is {algorithm}")


def name_of(value: Any) -> str:
    """The name of a value of an enumeration, or its number if the installed library does not have it yet."""
    return str(getattr(value, "name", value))


def status_of(error: Exception) -> str:
    """The status of an answer (google.rpc.Code), and an empty string for another error."""
    return name_of(getattr(error, "grpc_status_code", None) or "")


_STATES: Final[Mapping[str, tuple[str, str | None]]] = {
    "DISABLED": ("is disabled", "Enable it: `gcloud kms keys versions enable`."),
    "DESTROYED": ("is destroyed", None),
    "DESTROY_SCHEDULED": ("is scheduled for destruction", "Restore it: `gcloud kms keys versions restore`."),
    "PENDING_GENERATION": ("is still being generated", "Try again in a while."),
    "PENDING_IMPORT": ("is still being imported", "Try again in a while."),
}

_FAILED: Final = KmsError("kms-failed", "Google Cloud KMS failed, or refused the request", "Try again later.")

# By the status of an answer (google.rpc.Code).
_REFUSALS: Final[Mapping[str, KmsError]] = {
    "NOT_FOUND": KmsError(
        "key-not-found",
        "Google Cloud KMS does not have the key, or not this version of it",
        "List them: `gcloud kms keys versions list`.",
    ),
    "PERMISSION_DENIED": KmsError(
        "access-denied",
        "the credentials do not have permission to use the key, or the key does not exist",
        "Grant `roles/cloudkms.signerVerifier`. To find the newest version, grant `roles/cloudkms.viewer` too.",
    ),
    "UNAUTHENTICATED": KmsError(
        "access-denied", "Google does not accept the credentials", "Check their expiry, and the clock of this machine."
    ),
    "ALREADY_EXISTS": KmsError("key-exists", "the key ring already has a key with this name, which is not changed"),
    "FAILED_PRECONDITION": KmsError(
        "key-disabled",
        "the version of the key cannot be used: it is not enabled, or not for signing",
        "Grant `cloudkms.cryptoKeyVersions.get` to see its state here.",
    ),
    "RESOURCE_EXHAUSTED ABORTED": KmsError("kms-busy", "Google Cloud KMS is too busy", "Try again later."),
    "DEADLINE_EXCEEDED": KmsError("kms-timeout", "Google Cloud KMS did not answer in time"),
    "UNAVAILABLE": KmsError(
        "kms-unreachable",
        "Google Cloud KMS cannot be reached, or its certificate is not trusted",
        "Check the network, `https_proxy` and `GRPC_DEFAULT_SSL_ROOTS_FILE_PATH`.",
    ),
}

_NO_CREDENTIALS: Final = KmsError(
    "credentials-missing",
    "google-auth found no credentials for Google Cloud, or they cannot be used",
    "Set `GOOGLE_APPLICATION_CREDENTIALS`, or run `gcloud auth application-default login`.",
)
_MISCONFIGURED: Final = KmsError(
    "kms-misconfigured",
    "the configuration of the credentials for Google Cloud is not valid",
    "Check the file of `GOOGLE_APPLICATION_CREDENTIALS`, and `GOOGLE_CLOUD_UNIVERSE_DOMAIN` if it is set.",
)

# By the class of an error of google-auth, which answers before Google Cloud KMS is contacted; the first that fits.
_FAILURES: Final[Mapping[str, KmsError]] = {
    "JSONDecodeError": KmsError("kms-failed", "the token service of Google Cloud gave an answer that is not a token"),
    "MalformedError InvalidResource InvalidOperation InvalidValue InvalidType ValueError": _MISCONFIGURED,
    "MutualTLSChannelError ClientCertError": KmsError(
        "kms-misconfigured", "the client certificate for Google Cloud cannot be used"
    ),
    "DefaultCredentialsError": _NO_CREDENTIALS,
    "RefreshError OAuthError UserAccessTokenError": KmsError(
        "access-denied",
        "Google gives no token for the credentials",
        "Check that they are not expired or withdrawn, and the clock of this machine.",
    ),
    "TimeoutError": KmsError("kms-timeout", "the token service of Google Cloud did not answer in time"),
    "TransportError ResponseError": KmsError("kms-unreachable", "the token service of Google Cloud cannot be reached"),
    "OSError": _MISCONFIGURED,  # a configured file cannot be read
}
