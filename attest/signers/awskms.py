"""`awskms:KEY[?algorithm=NAME][&timeout=SECONDS]`: a key in AWS KMS, by its id, ARN, alias or alias ARN.

Rule: credentials are boto3's to find, and go out over TLS or to this machine; no text of AWS's is repeated.
"""

from __future__ import annotations

import hashlib
import re
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, ClassVar, Final

from attest._base.http import is_loopback
from attest.errors import InputError
from attest.signers._kms import KmsError, KmsKey, KmsSigner, first, kinds, message_representative
from attest.signers._uri import SignerURI, percent_decode

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from attest.keys import Algorithm, PublicKey
    from attest.signers._base import BaseSigner
    from attest.signers._secrets import Secrets

EXAMPLE = "awskms:alias/release"

# The names of an algorithm in AWS KMS, for Sign and for CreateKey.
_NAMES: Final[Mapping[str, tuple[str, str]]] = {
    "ed25519": ("ED25519_SHA_512", "ECC_NIST_EDWARDS25519"),
    "ecdsa-sha2-nistp256": ("ECDSA_SHA_256", "ECC_NIST_P256"),
    "ecdsa-sha2-nistp384": ("ECDSA_SHA_384", "ECC_NIST_P384"),
    **{f"rsassa-pss-sha{bits}": (f"RSASSA_PSS_SHA_{bits}", "RSA_3072") for bits in (256, 384, 512)},
    **{f"rsa-pkcs1v15-sha{bits}": (f"RSASSA_PKCS1_V1_5_SHA_{bits}", "RSA_3072") for bits in (256, 384, 512)},
    **{f"ml-dsa-{size}": ("ML_DSA_SHAKE_256", f"ML_DSA_{size}") for size in (44, 65, 87)},
}
_MOST_RAW: Final = 4096  # bytes of a message that is not a digest: the API reference of Sign

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9:/_-]{0,2047}", re.ASCII)
_ARN = re.compile(r"arn:aws[a-z-]*:kms:([a-z0-9-]+):[0-9]+:(?:key|alias)/.+", re.ASCII)
_CODE = re.compile(r"[A-Za-z0-9.]{1,64}", re.ASCII)


class AwsKmsSigner(KmsSigner):
    """A key in AWS KMS."""

    service = "AWS KMS"
    creates: ClassVar[Collection[str]] = _NAMES
    libraries: ClassVar[tuple[str, ...]] = ("boto3", "botocore")
    extra = "aws"

    def __init__(self, uri: SignerURI) -> None:
        super().__init__(uri)
        self._key = percent_decode(uri.path.removeprefix("///"), where=str(uri))
        if self._key.startswith("//"):
            # Whoever writes the URI would say where the credentials are sent.
            hint = "Write `awskms:KEY` or `awskms:///KEY`, and set `AWS_ENDPOINT_URL` if you need another address."
            raise self._error("signer-uri-invalid", "a signer URI cannot have the address of AWS KMS", hint)
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
            name = key.algorithm.name
            if _NAMES[name][0] not in answer["SigningAlgorithms"]:
                raise InputError("key-algorithm-mismatch", f"the key cannot sign with {name}")
            return self._hold(key, self._signing(client, key), stack.pop_all().close, f"awskms:{self._key}")

    def _create(self, algorithm: Algorithm) -> str:
        with ExitStack() as stack:
            client = self._client()
            stack.callback(client.close)
            if _exists(client, self._key):
                hint = "Choose another name. attest never moves an alias to another key."
                raise self._error("key-exists", f"AWS KMS already has {self._key}", hint)
            if not self._key.startswith("alias/"):
                hint = "Write `awskms:alias/NAME`: AWS KMS chooses the ID of a key."
                raise self._error("signer-uri-invalid", "a new key requires the name of an alias", hint)
            made = self._made(client, algorithm)
            try:
                client.create_alias(AliasName=self._key, TargetKeyId=made)
            except Exception:
                # Without its name nobody can find it, and it costs money.
                with suppress(Exception):
                    client.schedule_key_deletion(KeyId=made, PendingWindowInDays=7)
                raise
            self._wait_for_alias(client)
        return f"awskms:{self._key}"

    def _made(self, client: Any, algorithm: Algorithm) -> str:
        """The ID of a new key."""
        from botocore.exceptions import ClientError

        try:
            answer = client.create_key(KeySpec=_NAMES[algorithm.name][1], KeyUsage="SIGN_VERIFY")
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("ValidationException", "UnsupportedOperationException"):
                raise
            message = f"AWS KMS creates no key for {algorithm.name} here"
            hint = "Not every region has every type of key: choose another `--algorithm`, or another region."
            raise self._error("algorithm-unsupported", message, hint) from None
        made: str = answer["KeyMetadata"]["KeyId"]
        return made

    def _wait_for_alias(self, client: Any) -> None:
        """Wait until the new alias can be used: AWS KMS needs a moment (eventual consistency)."""
        end = time.monotonic() + self._timeout / 3
        while not _exists(client, self._key) and time.monotonic() < end:
            time.sleep(0.2)

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

    def _signing(self, client: Any, key: PublicKey) -> Callable[[bytes], bytes]:
        """What has the key sign data, or its digest if the algorithm has one."""
        algorithm = key.algorithm

        def sign(data: bytes) -> bytes:
            kind, message = "DIGEST", data
            if algorithm.digest:
                message = hashlib.new(algorithm.digest, data).digest()
            elif algorithm.family == "ml-dsa":
                kind, message = "EXTERNAL_MU", message_representative(key, data)
            else:
                kind = "RAW"
                self._demand_size(data, _MOST_RAW)
            answer = client.sign(
                KeyId=self._key, Message=message, MessageType=kind, SigningAlgorithm=_NAMES[algorithm.name][0]
            )
            signature: bytes = answer["Signature"]
            return signature

        return sign


def open_signer(uri: SignerURI, secrets: Secrets | None) -> BaseSigner:
    """The signer for an `awskms:` URI; boto3 finds the credentials."""
    return AwsKmsSigner(uri)


def generate_key(uri: SignerURI, algorithm: Algorithm | None, secret: str | Secrets | None) -> BaseSigner:
    """Create a key and its alias: the URI is `awskms:alias/NAME`. The default is ECDSA P-256; RSA keys have 3072 bits.

    Raises SignerError as the signer, and `key-exists`.
    """
    return AwsKmsSigner(uri).generated(algorithm, secret)


def _exists(client: Any, key: str) -> bool:
    try:
        client.describe_key(KeyId=key)
    except client.exceptions.NotFoundException:
        return False
    return True


def _refusal(response: Mapping[str, Any]) -> KmsError:
    """The meaning of an error of AWS, by its code."""
    code = response["Error"]["Code"]
    fault = first([code], _REFUSALS) or KmsError(
        "kms-failed", "AWS KMS failed, or refused the request", "Try again later."
    )
    return fault._replace(message=f"{fault.message} ({code})") if _CODE.fullmatch(code) else fault


_PERMISSIONS: Final = (
    "Allow `kms:GetPublicKey` and `kms:Sign` for the key; to generate one, `kms:DescribeKey`, `kms:CreateKey` and "
    "`kms:CreateAlias`. Run `aws sts get-caller-identity` to see the caller."
)

# By the code of an answer: those common to AWS, and those of each operation in the API reference of KMS.
_REFUSALS: Final[Mapping[str, KmsError]] = {
    "NotFoundException InvalidArnException ValidationException": KmsError(
        "key-not-found",
        "AWS KMS does not have the key",
        "Write an alias as `awskms:alias/NAME`. A key is in one region: name it by its ARN, or set "
        "`AWS_DEFAULT_REGION`.",
    ),
    "AlreadyExistsException": KmsError("key-exists", "AWS KMS already has an alias of this name"),
    "InvalidAliasNameException": KmsError("signer-uri-invalid", "AWS KMS does not allow the name of the alias"),
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
    "ConnectionError HTTPClientError": KmsError(
        "kms-unreachable",
        "AWS KMS cannot be reached",
        "Check the network, the region, and `AWS_ENDPOINT_URL` and `https_proxy` if they are set.",
    ),
}
