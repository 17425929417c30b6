"""`awskms:KEY[?algorithm=NAME][&timeout=SECONDS]`: a key in AWS KMS, by its id, ARN, alias or alias ARN.

Rule: credentials are boto3's to find, and go out over TLS or to this machine; no text of AWS's is repeated.
"""

from __future__ import annotations

import re
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from attest._base.http import is_loopback
from attest.errors import InputError
from attest.signers._kms import KmsError, KmsKey, KmsSigner, first, kinds, signed_by, their_key
from attest.signers._uri import SignerURI, percent_decode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from attest.keys import PublicKey
    from attest.signers._base import BaseSigner
    from attest.signers._secrets import Secrets

EXAMPLE = "awskms:alias/release"

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9:/_-]{0,2047}", re.ASCII)
_ARN = re.compile(r"arn:aws[a-z-]*:kms:([a-z0-9-]+):[0-9]+:(?:key|alias)/.+", re.ASCII)
_CODE = re.compile(r"[A-Za-z0-9.]{1,64}", re.ASCII)


class AwsKmsSigner(KmsSigner):
    """A key in AWS KMS."""

    libraries = ("boto3", "botocore")
    extra = "aws"

    def __init__(self, uri: SignerURI) -> None:
        super().__init__(uri)
        self._key = percent_decode(uri.path, where=str(uri))
        arn = _ARN.fullmatch(self._key)
        if not _KEY.fullmatch(self._key) or (self._key.startswith("arn:") and arn is None):
            hint = "Write `awskms:KEY_ID`, `awskms:alias/NAME`, or `awskms:` and the ARN of either."
            raise self._error("signer-uri-invalid", f"expected a key ID, alias or ARN, found {self._key!r}", hint)
        self._region = arn[1] if arn else None

    def _connect(self) -> KmsKey:
        client = self._client()
        with ExitStack() as stack:
            stack.callback(client.close)
            answer = client.get_public_key(KeyId=self._key)
            if answer["KeyUsage"] != "SIGN_VERIFY":
                raise self._error("key-not-allowed", "the key cannot sign: its KeyUsage is not SIGN_VERIFY")
            key = self._parsed(answer["PublicKey"])
            signer = self._signer(client, key, answer["SigningAlgorithms"])
            return self._hold(key, signed_by(signer), stack.pop_all().close, f"awskms:{self._key}")

    def _fault(self, error: Exception) -> KmsError | None:
        from botocore.exceptions import ClientError

        if isinstance(error, ClientError):
            return _refusal(error.response)
        # For an AWS_ENDPOINT_URL that is not a URL, botocore raises a bare ValueError.
        return first(
            ["Endpoint"] if "endpoint" in str(error) and type(error) is ValueError else kinds(error), _FAILURES
        )

    def _client(self) -> Any:
        """A client whose waits add up to `timeout`, where botocore's are of a minute each, three times over or more.

        It has a session of its own, because the one that a process shares must not be used by two threads. The address
        of every request is checked before it is sent, including requests for credentials (STS, SSO).
        """
        from boto3.session import Session
        from botocore.config import Config

        wait = self._timeout / 2
        retries = {"mode": "standard", "total_max_attempts": 1}
        session = Session()
        session.events.register("before-send", self._before_send)
        config = Config(connect_timeout=wait, read_timeout=wait, retries=retries)
        client = session.client("kms", region_name=self._region, config=config)
        if not is_loopback(client.meta.endpoint_url):
            return client
        client.close()
        return session.client("kms", region_name=self._region, config=config.merge(Config(proxies={})))

    def _before_send(self, request: Any, **_: Any) -> None:
        self._demand_private(request.url, "AWS_ENDPOINT_URL")

    def _signer(self, client: Any, key: PublicKey, offered: list[str]) -> Any:
        """securesystemslib's signer with our client in it.

        It takes none: its `import_` and its constructor make clients with the defaults of botocore and of the process.
        So the public key is requested here, and another constructor sets what its `sign` reads.
        """
        from securesystemslib.signer import AWSSigner  # type: ignore[attr-defined]

        name = key.algorithm.name
        if name not in AWSSigner.aws_algos:
            raise InputError("key-unsupported", f"securesystemslib does not support {name} in AWS KMS")
        if AWSSigner.aws_algos[name] not in offered:
            raise InputError("key-algorithm-mismatch", f"the key cannot sign with {name}")
        translated = self._translated

        class OurSigner(AWSSigner):
            def __init__(self, aws_key_id: str, public_key: Any) -> None:
                self.aws_key_id = aws_key_id
                self._public_key = public_key
                self.client = _Client(client, translated)
                self.aws_algo = self.aws_algos[public_key.scheme]

        return OurSigner(self._key, their_key(key))


class _Client:
    """The client that securesystemslib's signer calls.

    Errors are translated here, because securesystemslib logs what it catches to standard error: the text of AWS, which
    contains the session token if AWS rejects the signature of a request.
    """

    def __init__(self, client: Any, translated: Callable[[Callable[[], Any]], Any]) -> None:
        self._client = client
        self._translated = translated

    def sign(self, **request: Any) -> Any:
        return self._translated(partial(self._client.sign, **request))


def open_signer(uri: SignerURI, secrets: Secrets | None) -> BaseSigner:
    """The signer for an `awskms:` URI; boto3 finds the credentials."""
    return AwsKmsSigner(uri)


def _refusal(response: Mapping[str, Any]) -> KmsError:
    """The meaning of an error of AWS, by its code."""
    code = response["Error"]["Code"]
    fault = first([code], _REFUSALS) or KmsError(
        "kms-failed", "AWS KMS failed, or refused the request", "Try again later."
    )
    return fault._replace(message=f"{fault.message} ({code})") if _CODE.fullmatch(code) else fault


_PERMISSIONS: Final = (
    "Allow `kms:GetPublicKey` and `kms:Sign` for the key. Run `aws sts get-caller-identity` to see the caller."
)

# By the code of an answer: those common to AWS, and those of GetPublicKey and Sign in the API reference of KMS.
_REFUSALS: Final[Mapping[str, KmsError]] = {
    "NotFoundException InvalidArnException ValidationException": KmsError(
        "key-not-found",
        "AWS KMS does not have the key",
        "Name the key by its ARN, or set `AWS_DEFAULT_REGION`: a key is in one region.",
    ),
    "DisabledException": KmsError("key-disabled", "the key is disabled"),
    "KMSInvalidStateException": KmsError("key-disabled", "the key is scheduled for deletion, or is not ready"),
    "UnsupportedOperationException InvalidKeyUsageException": KmsError("key-not-allowed", "the key cannot sign"),
    "AccessDeniedException AccessDenied NotAuthorized OptInRequired": KmsError(
        "access-denied", "the credentials do not have permission to use the key", _PERMISSIONS
    ),
    "UnrecognizedClientException InvalidClientTokenId InvalidSignatureException SignatureDoesNotMatch ExpiredToken "
    "ExpiredTokenException IncompleteSignature MissingAuthenticationToken RequestExpired": KmsError(
        "access-denied", "AWS does not accept the credentials", "Check their expiry, and the clock of this machine."
    ),
    "ThrottlingException Throttling ThrottledException TooManyRequestsException RequestLimitExceeded "
    "LimitExceededException KeyUnavailableException DependencyTimeoutException ServiceUnavailable": KmsError(
        "kms-busy", "AWS KMS is too busy", "Try again later."
    ),
}

# By the class of an error of botocore's; the first that fits.
_FAILURES: Final[Mapping[str, KmsError]] = {
    "NoCredentialsError PartialCredentialsError CredentialRetrievalError NoAuthTokenError TokenRetrievalError "
    "UnauthorizedSSOTokenError SSOTokenLoadError RefreshWithMFAUnsupportedError": KmsError(
        "credentials-missing",
        "boto3 found no credentials for AWS",
        "Set them in the environment or in ~/.aws. Run `aws configure list` to see what is set.",
    ),
    "NoRegionError": KmsError(
        "kms-misconfigured", "no AWS region is configured", "Name the key by its ARN, or set `AWS_DEFAULT_REGION`."
    ),
    "Endpoint": KmsError("kms-misconfigured", "the endpoint configured for AWS KMS is not a URL"),
    "ProfileNotFound ConfigParseError ConfigNotFound InvalidRegionError InvalidConfigError "
    "InvalidRetryConfigurationError": KmsError("kms-misconfigured", "the configuration of AWS is not valid"),
    "ReadTimeoutError": KmsError("kms-timeout", "AWS KMS did not answer in time"),
    "ConnectionError HTTPClientError": KmsError("kms-unreachable", "AWS KMS cannot be reached"),
}
