"""The sentences of the specifications that a `must-` of the kit may quote, each with its place.

Rule: a sentence is copied and never paraphrased; `...` stands for words left out. The texts are DSSE v1.0.2
(secure-systems-lab/dsse@eebf7b5), the in-toto Attestation Framework v1.2 (in-toto/attestation@051624c), and RFCs 4648,
8032 and 8259.
"""

from __future__ import annotations

from typing import Final

_PROTOCOL = "dsse protocol.md#"
_ENVELOPE = "dsse envelope.md#"
_IN_TOTO = "in-toto/attestation "

# Each: where it stands, and the sentence.
DECODE: Final = (_PROTOCOL + "multi-signature-verification", "Reject if decoding fails.")
VALID: Final = (
    _PROTOCOL + "multi-signature-verification",
    "A `(t, n)`-ENVELOPE is valid if the enclosed signatures pass the verification against at least `t` of `n` "
    "unique trusted public keys",
)
UNIQUE: Final = (
    _PROTOCOL + "multi-signature-verification",
    "Reject if the unique keys in ACCEPTED_KEYS is less than `t`.",
)
SKIP: Final = (
    _PROTOCOL + "multi-signature-verification",
    "Verify SIGNATURE against PAE(UTF8(PAYLOAD_TYPE), SERIALIZED_BODY). Skip over if the verification fails.",
)
PAE: Final = (
    _PROTOCOL + "signature-definition",
    'PAE(type, body) = "DSSEv1" + SP + LEN(type) + SP + type + SP + LEN(body) + SP + body',
)
LENGTH: Final = (
    _PROTOCOL + "signature-definition",
    "LEN(s) = ASCII decimal encoding of the byte length of s, with no leading zeros",
)
HINT: Final = (
    _PROTOCOL + "signature-definition",
    "It **MUST NOT** be used for security decisions; it may only be used to narrow the selection of possible keys to "
    "try.",
)
VECTOR: Final = (_PROTOCOL + "test-vectors", "Result (using the recommended [JSON envelope](envelope.md)):")
ALPHABETS: Final = (
    _PROTOCOL + "protocol",
    "Either standard or URL-safe base64 encodings are allowed. Signers may use either, and verifiers **MUST** accept "
    "either.",
)
SUPPORTED: Final = (_PROTOCOL + "protocol", "Reject if PAYLOAD_TYPE is not a supported type.")
CASE: Final = (
    _PROTOCOL + "signature-definition",
    "PAYLOAD_TYPE: Opaque, case-sensitive string that uniquely and unambiguously identifies how to interpret "
    "`payload`.",
)
PARSE: Final = (
    _PROTOCOL + "protocol",
    "Parse SERIALIZED_BODY according to PAYLOAD_TYPE. Reject if the parsing fails.",
)
FORM: Final = (
    _ENVELOPE + "standard-json-envelope",
    "The standard data structure for storing a signed message is a JSON message of the following form",
)
REQUIRED: Final = (
    _ENVELOPE + "parsing-rules",
    "The following fields are REQUIRED and MUST be set, even if empty: `payload`, `payloadType`, `signature`, "
    "`signature.sig`.",
)
UNSET: Final = (
    _ENVELOPE + "parsing-rules",
    "The following fields are OPTIONAL and MAY be unset: `signature.keyid`. An unset field MUST be treated the same "
    "as set-but-empty.",
)
UNKNOWN: Final = (_ENVELOPE + "parsing-rules", "Consumers MUST ignore unrecognized fields.")

MEDIA_TYPE: Final = (
    _IN_TOTO + "spec/v1/envelope.md#fields",
    "`payloadType` MUST be set to `application/vnd.in-toto.<predicate>+json` or to `application/vnd.in-toto+json`.",
)
STATEMENT: Final = (
    _IN_TOTO + "spec/v1/statement.md#fields",
    "The Statement is represented as a [JSON] object with the following fields.",
)
TYPE: Final = (
    _IN_TOTO + "docs/validation.md",
    "Reject if `statement.type` != `https://in-toto.io/Statement/v1`",
)
TYPE_FIELD: Final = (_IN_TOTO + "spec/v1/statement.md#fields", "`_type` _string ([TypeURI]), required_")
SUBJECTS: Final = (
    _IN_TOTO + "spec/v1/statement.md#fields",
    "`subject` _array of [ResourceDescriptor] objects, required_",
)
DIGEST: Final = (_IN_TOTO + "spec/v1/statement.md#fields", "Each element MUST have `digest` set.")
DIGEST_SET: Final = (
    _IN_TOTO + "spec/v1/digest_set.md",
    "Set of one or more cryptographic digests, or other immutable references, for a single software artifact or "
    "metadata object.",
)
DIGEST_TEXT: Final = (
    _IN_TOTO + "spec/v1/digest_set.md#fields",
    "A DigestSet is represented as a _JSON object_ mapping algorithm name to a string encoding of the digest using "
    "that algorithm.",
)
NAME: Final = (_IN_TOTO + "spec/v1/resource_descriptor.md#fields", "`name` _string, optional_")
NO_NAME: Final = (
    _IN_TOTO + "spec/v1/statement.md#fields",
    'If the name is not meaningful, leave the field unset or use "\\_".',
)
PREDICATE_TYPE: Final = (
    _IN_TOTO + "spec/v1/statement.md#fields",
    "`predicateType` _string ([TypeURI]), required_",
)
PREDICATE: Final = (_IN_TOTO + "spec/v1/statement.md#fields", "`predicate` _object, optional_")
NO_PREDICATE: Final = (
    _IN_TOTO + "spec/v1/statement.md#fields",
    "Unset is treated the same as set-but-empty. MAY be omitted if `predicateType` fully describes the predicate.",
)
FIELDS: Final = (
    _IN_TOTO + "spec/v1/README.md#parsing-rules",
    "Consumers MUST ignore unrecognized fields unless otherwise noted in the predicate specification.",
)
BY_DIGEST: Final = (
    _IN_TOTO + "spec/v1/statement.md#fields",
    "Subject artifacts are matched purely by digest, regardless of content type.",
)
NO_MATCH: Final = (_IN_TOTO + "docs/validation.md", "Reject if `matchedSubjects` is empty")
ALGORITHMS: Final = (
    _IN_TOTO + "spec/v1/digest_set.md#guidelines",
    "Consumers MUST only accept algorithms that they consider secure and MUST ignore unrecognized or unaccepted "
    "algorithms.",
)
ALGORITHM_NAMES: Final = (
    _IN_TOTO + "spec/v1/digest_set.md#supported-algorithms",
    "using [the NIST names][] (converting to lowercase and replacing `-` with `_`) as keys",
)

ALPHABET: Final = (
    "RFC 4648 section 3.3",
    "Implementations MUST reject the encoded data if it contains characters outside the base alphabet when "
    "interpreting base-encoded data, "
    "unless the specification referring to this document explicitly states otherwise.",
)
UTF_8: Final = (
    "RFC 8259 section 8.1",
    "JSON text exchanged between systems that are not part of a closed ecosystem MUST be encoded using UTF-8",
)
GRAMMAR: Final = ("RFC 8259 section 9", "A JSON parser MUST accept all texts that conform to the JSON grammar.")
RANGE: Final = (
    "RFC 8032 section 5.1.7",
    "Decode the first half as a point R, and the second half as an integer S, in the range 0 <= s < L. ... "
    "If any of the decodings fail (including S being out of range), the signature is invalid.",
)
