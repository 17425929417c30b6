"""What the kit expects of each scenario, layer by layer, and why: a sentence that decides, or a reason why none does.

Rule: a `must-` quotes a sentence of a specification. What no sentence decides is implementation-defined, with a
recommendation.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from tests.kit import quotes as q

LAYERS = ("dsse", "payload_type", "statement", "subject")
_Quote = tuple[str, str]


class Must(NamedTuple):
    """At `layer` the verdict of the vector is what `quote` demands."""

    layer: str
    quote: _Quote


class Open(NamedTuple):
    """At `layer` no specification decides; `why` says what they say, and why the verdict is the better one."""

    layer: str
    verdict: str
    why: str


# Where nothing special is said: the sentence for a yes and for a no at each layer.
_YES = dict(zip(LAYERS, (q.VALID, q.MEDIA_TYPE, q.STATEMENT, q.BY_DIGEST), strict=True))
_NO = dict(zip(LAYERS, (q.UNIQUE, q.SUPPORTED, q.PARSE, q.NO_MATCH), strict=True))

# The layer at which a vector's code is a no; what isn't here is a no of the first.
_LAYER_OF = {
    "payload-type-unsupported": "payload_type",
    "statement-invalid": "statement",
    "subject-missing": "statement",
    "too-many-digests": "statement",
    "artifact-mismatch": "subject",
    "digest-conflict": "subject",
    "digest-weak": "subject",
}

_FILTER = (
    'A verifier may "filter acceptable public keys by KEYID" (dsse protocol.md). A hint that is wrong need not cost '
    "a good signature."
)
_EXTENSION = (
    '"A JSON parser MAY accept non-JSON forms or extensions" (RFC 8259 section 9). Two readers may then see two '
    "documents."
)
_TWICE = (
    '"The names within an object SHOULD be unique" (RFC 8259 section 4). One reader takes the first, another the last.'
)
_NUMBERS = '"An implementation may set limits on the range and precision of numbers" (RFC 8259 section 9).'
_SURROGATE = (
    "RFC 8259 section 8.2 calls the behaviour of software with a lone surrogate unpredictable, and forbids nothing."
)
_DEPTH = '"An implementation may set limits on the maximum depth of nesting" (RFC 8259 section 9).'
_BOM = "Parsers MAY ignore a byte order mark rather than treating it as an error (RFC 8259 section 8.1)."
_NULL = "No specification says what null is. Read as unset it is a field that is missing; strict readers refuse it."
_PADDING = (
    "Neither DSSE nor RFC 4648 section 3.2 tells a decoder what to do without padding. One strict form keeps readers "
    "together."
)
_EXCESS = (
    '"The excess pad characters MAY also be ignored" (RFC 4648 section 3.3) may be meant for decoders, or for the '
    "specifications that use base64. One strict form keeps readers together."
)
_MIXED = "DSSE allows either alphabet and does not say whether a field may have both. Most decoders know one."
_FORMAT = (
    'The format of a signature is "agreed upon out-of-band" (dsse protocol.md). The key of the scenario says which '
    "one it is."
)
_EITHER = (
    'The format of a signature is "agreed upon out-of-band" (dsse protocol.md). The key of the scenario says DER, and '
    "this is the other form of the same two numbers, which some verifiers read as well."
)
_PINNED = (
    "The algorithm is agreed upon out of band. The scenario pins it to the key; some verifiers know only the key and "
    "try what fits."
)
_NAME = (
    "`<predicate>` MUST be the name of a file of the specification, but consumers SHOULD NOT rely on it (envelope.md). "
    "This one is no media type (RFC 6838 section 4.2), and nothing tells a consumer to check that."
)
_CONFIG = "It is how the verifier is configured, and not the envelope. One that refuses it when it is loaded is right."
_SHAPE = (
    "The value of a digest is wrong in its form. Nothing says whether that is found when it is read, or only when it "
    "is compared."
)
_CONFLICT = (
    'Two DigestSets "SHOULD be considered matching if ANY acceptable field matches" (digest_set.md). A verifier may '
    "be stricter: "
    "digests that differ cannot be of one file."
)
_WEAK = (
    'Consumers choose the algorithms "that they consider secure" (digest_set.md), and collisions are known for this '
    "one."
)
_CHOSEN = (
    'Consumers choose the algorithms "that they consider secure" (digest_set.md). This one is, if the verifier has it.'
)
_HEX = (
    'Values are "lowercase hex" (digest_set.md), and are compared as `hexDecode(value)` (validation.md), where case '
    "is lost."
)
_SEVERAL = "docs/validation.md is about a single artifact, and leaves open how several are processed."
_URI = "A TypeURI is a URI, and opaque. No sentence tells a consumer to check its form."
_LIMIT = "No specification sets a limit. One is needed, and how high it is is the verifier's choice."

# By name, or glob of names; a later row adds to an earlier one.
_SPECIAL: list[tuple[str, Must | Open]] = [
    # Envelopes: what is read.
    ("envelope-a-*", Must("dsse", q.FORM)),
    ("envelope-null", Must("dsse", q.FORM)),
    ("envelope-binary", Must("dsse", q.DECODE)),
    ("envelope-empty", Must("dsse", q.DECODE)),
    ("envelope-only-white-space", Must("dsse", q.DECODE)),
    ("envelope-truncated", Must("dsse", q.DECODE)),
    ("envelope-invalid-utf-8", Must("dsse", q.UTF_8)),
    ("envelope-overlong-utf-8", Must("dsse", q.UTF_8)),
    ("envelope-utf-16", Must("dsse", q.UTF_8)),
    ("envelope-byte-order-mark", Open("dsse", "reject", _BOM)),
    *[
        (f"envelope-{name}", Open("dsse", "reject", _EXTENSION))
        for name in (
            "comment",
            "trailing-comma",
            "control-character-in-a-string",
            "infinity",
            "not-a-number",
            "two-envelopes-in-a-row",
        )
    ],
    ("envelope-lone-surrogate", Open("dsse", "reject", _SURROGATE)),
    ("envelope-number-out-of-range", Open("dsse", "reject", _NUMBERS)),
    ("big-numbers-in-an-unknown-field", Open("dsse", "accept", _NUMBERS)),
    ("envelope-nested-*", Open("dsse", "reject", _DEPTH)),
    ("envelope-nested-as-deep-as-is-allowed", Open("dsse", "accept", _DEPTH)),
    ("duplicate-key-*", Open("dsse", "reject", _TWICE)),
    ("envelope-*-missing", Must("dsse", q.REQUIRED)),
    ("envelope-*-null", Must("dsse", q.REQUIRED)),
    ("envelope-sig-null", Open("dsse", "reject", _NULL)),
    ("envelope-signature-null", Open("dsse", "reject", _NULL)),
    ("envelope-payload-type-a-number", Must("dsse", q.FORM)),
    ("envelope-sig-a-number", Must("dsse", q.FORM)),
    ("envelope-payload-an-object", Must("dsse", q.FORM)),
    ("envelope-signatures-an-object", Must("dsse", q.FORM)),
    ("envelope-signature-a-string", Must("dsse", q.FORM)),
    (
        "envelope-keyid-a-number",
        Open("dsse", "reject", "A keyid is a hint that may be ignored. No string is what it is documented as."),
    ),
    ("alias-key-payload-type", Must("dsse", q.REQUIRED)),
    ("alias-keys-beside-the-real-ones", Must("dsse", q.UNKNOWN)),
    ("unknown-fields-are-ignored", Must("dsse", q.UNKNOWN)),
    ("envelope-names-an-algorithm", Must("dsse", q.UNKNOWN)),
    ("white-space-between-fields", Must("dsse", q.GRAMMAR)),
    # Base64.
    ("base64-standard", Must("dsse", q.ALPHABETS)),
    ("base64-url-safe", Must("dsse", q.ALPHABETS)),
    ("base64-one-alphabet-a-field", Must("dsse", q.ALPHABETS)),
    *[
        (f"base64-{name}", Must("dsse", q.ALPHABET))
        for name in (
            "data-url",
            "junk",
            "line-break-behind",
            "line-breaks",
            "not-ascii",
            "padding-in-the-middle",
            "white-space",
        )
    ],
    ("base64-one-character", Must("dsse", q.DECODE)),
    ("base64-too-much-padding", Open("dsse", "reject", _EXCESS)),
    ("base64-without-padding*", Open("dsse", "reject", _PADDING)),
    ("base64-mixed-alphabets*", Open("dsse", "reject", _MIXED)),
    (
        "base64-trailing-bits",
        Open(
            "dsse",
            "reject",
            "Decoders MAY reject pad bits that are not zero (RFC 4648 section 3.5). Two texts for the same bytes are "
            "one too many.",
        ),
    ),
    (
        "base64-bad-in-a-strangers-signature",
        Open(
            "dsse",
            "reject",
            '"Reject if decoding fails" and "Skip over if the verification fails" (dsse protocol.md) can both be '
            "meant.",
        ),
    ),
    # The PAE.
    ("pae-*", Must("dsse", q.PAE)),
    ("pae-with-l*", Must("dsse", q.LENGTH)),
    ("payload-that-is-not-ascii", Must("dsse", q.LENGTH)),
    ("signed-*", Must("dsse", q.PAE)),
    ("payload-type-changed-after-signing", Must("dsse", q.PAE)),
    # Signatures, keys and thresholds.
    ("keyid-absent", Must("dsse", q.UNSET)),
    ("keyid-empty", Must("dsse", q.UNSET)),
    ("keyid-wrong", Open("dsse", "accept", _FILTER)),
    ("keyid-of-another-key", Open("dsse", "accept", _FILTER)),
    ("keyid-in-upper-case", Open("dsse", "accept", _FILTER)),
    ("keyid-null", Open("dsse", "accept", _NULL)),
    ("keyid-of-a-trusted-key-on-a-strangers-signature", Must("dsse", q.HINT)),
    ("keyid-on-two-entries", Must("dsse", q.SKIP)),
    ("good-signature-given-twice", Must("dsse", q.VALID)),
    ("empty-signature-beside-a-good-one", Must("dsse", q.SKIP)),
    ("one-bad-signature-among-good-ones", Must("dsse", q.SKIP)),
    ("every-signature-is-reported", Must("dsse", q.SKIP)),
    ("as-many-signatures-as-are-allowed", Open("dsse", "accept", _LIMIT)),
    ("too-many-signatures", Open("dsse", "reject", _LIMIT)),
    ("trust-threshold-*", Open("dsse", "reject", _CONFIG)),
    ("trust-lists-a-key-under-two-algorithms", Open("dsse", "reject", _CONFIG)),
    ("ed25519-malleated-signature", Must("dsse", q.RANGE)),
    (
        "ed25519-key-of-small-order",
        Open(
            "dsse",
            "reject",
            "RFC 8032 does not ask for a check of the key. Under this one a signature fits every message.",
        ),
    ),
    ("ecdsa-as-r-and-s-nistp*", Open("dsse", "accept", _EITHER)),
    ("ecdsa-der-with-*", Open("dsse", "reject", _FORMAT)),
    (
        "ecdsa-malleated-signature-verifies",
        Open("dsse", "accept", "ECDSA accepts (r, n - s) as well. Some verifiers ask for a low s."),
    ),
    ("pss-with-*-salt", Open("dsse", "accept", _FORMAT)),
    *[
        (name, Open("dsse", "reject", _PINNED))
        for name in (
            "key-pinned-to-another-hash",
            "p384-key-with-a-sha256-signature",
            "pkcs1-key-with-a-pss-signature",
            "pss-key-with-a-pkcs1-signature",
        )
    ],
    ("dsse-specification-vector", Must("dsse", q.VECTOR)),
    # Payload types.
    ("payload-type-in-upper-case", Must("payload_type", q.CASE)),
    ("pae-with-lengths-in-bytes", Open("payload_type", "reject", _NAME)),
    # Statements.
    ("statement-type-*", Must("statement", q.TYPE)),
    ("statement-v1-with-a-slash", Must("statement", q.TYPE)),
    ("statement-v2", Must("statement", q.TYPE)),
    (
        "statement-v0.1",
        Open(
            "statement",
            "accept",
            "Another version of the framework, which producers still write. Whether it is read is the verifier's "
            "choice.",
        ),
    ),
    ("statement-duplicate-key-*", Open("statement", "reject", _TWICE)),
    ("statement-byte-order-mark", Open("statement", "reject", _BOM)),
    ("statement-not-a-number", Open("statement", "reject", _EXTENSION)),
    ("statement-with-more-behind", Open("statement", "reject", _EXTENSION)),
    ("statement-number-out-of-range", Open("statement", "reject", _NUMBERS)),
    ("statement-lone-surrogate", Open("statement", "reject", _SURROGATE)),
    ("statement-nested-too-deep", Open("statement", "reject", _DEPTH)),
    ("statement-invalid-utf-8", Must("statement", q.UTF_8)),
    ("statement-subject-field-*", Must("statement", q.SUBJECTS)),
    (
        "no-subjects",
        Open("statement", "reject", "`subject` is required, and nothing says whether an empty list is one."),
    ),
    ("statement-subject-null", Must("statement", q.DIGEST)),
    ("statement-subject-without-digest", Must("statement", q.DIGEST)),
    ("statement-subject-with-an-empty-digest-set", Must("statement", q.DIGEST_SET)),
    ("statement-subject-with-a-digest-a-number", Must("statement", q.DIGEST_TEXT)),
    ("statement-subject-with-a-digest-not-hex", Open("statement", "reject", _SHAPE)),
    ("statement-subject-with-a-prefixed-digest", Open("statement", "reject", _SHAPE)),
    ("statement-subject-with-an-empty-digest", Open("statement", "reject", _SHAPE)),
    ("statement-subject-with-half-a-digest", Open("statement", "reject", _SHAPE)),
    ("statement-subject-name-a-number", Must("statement", q.NAME)),
    ("statement-subject-without-a-name", Must("statement", q.NO_NAME)),
    (
        "statement-subjects-of-one-name",
        Open(
            "statement",
            "accept",
            "Names SHOULD be unique within the subjects (statement.md). They are matched purely by digest.",
        ),
    ),
    ("statement-predicate-type-missing", Must("statement", q.PREDICATE_TYPE)),
    ("statement-predicate-type-null", Must("statement", q.PREDICATE_TYPE)),
    ("statement-predicate-type-blank", Open("statement", "reject", _URI)),
    ("statement-predicate-type-empty", Open("statement", "reject", _URI)),
    ("statement-predicate-type-without-a-scheme", Open("statement", "accept", _URI)),
    ("statement-uris-without-a-scheme*", Open("statement", "accept", _URI)),
    ("statement-predicate-a-list", Must("statement", q.PREDICATE)),
    ("statement-predicate-null", Open("statement", "accept", _NULL)),
    ("statement-predicate-unset", Must("statement", q.NO_PREDICATE)),
    ("statement-unknown-fields-are-ignored", Must("statement", q.FIELDS)),
    ("alias-keys-are-not-read", Must("statement", q.FIELDS)),
    ("alias-key-type-for-_type", Must("statement", q.TYPE_FIELD)),
    ("alias-key-predicate_type-for-predicatetype", Must("statement", q.PREDICATE_TYPE)),
    ("alias-key-subjects-in-another-case", Must("statement", q.SUBJECTS)),
    ("keys-written-with-escapes", Must("statement", q.GRAMMAR)),
    ("statement-with-white-space", Must("statement", q.GRAMMAR)),
    ("too-many-digests-by-default", Open("statement", "reject", _LIMIT)),
    ("predicate-with-unknown-fields", Must("statement", q.FIELDS)),
    # Subjects. A verifier ignores an algorithm that it has not; it does not refuse the statement.
    *[
        (name, Must("statement", q.ALGORITHMS))
        for name in (
            "digest-given-of-a-git-commit",
            "digest-given-weak-*",
            "digest-md5-only",
            "digest-of-an-unknown-algorithm*",
            "digest-sha1-*",
            "digest-sha512-only",
            "digest-under-another-spelling",
        )
    ],
    ("digest-of-an-unknown-algorithm*", Must("subject", q.ALGORITHMS)),
    ("digest-sha1-beside-a-strong-one", Must("subject", q.ALGORITHMS)),
    ("digest-under-another-spelling", Must("subject", q.ALGORITHM_NAMES)),
    ("digest-sha1-beside-a-wrong-strong-one", Open("subject", "reject", _CONFLICT)),
    ("digests-in-conflict*", Open("subject", "accept", _CONFLICT)),
    ("digests-given-in-conflict", Open("subject", "accept", _CONFLICT)),
    ("digests-given-one-is-common", Open("subject", "accept", _CHOSEN)),
    ("digest-given-weak-*", Open("subject", "reject", _WEAK)),
    ("digest-md5-only", Open("subject", "reject", _WEAK)),
    ("digest-sha1-only", Open("subject", "reject", _WEAK)),
    ("digest-sha512-only", Open("subject", "accept", _CHOSEN)),
    ("digest-given-of-a-git-commit", Open("subject", "accept", _CHOSEN)),
    ("digest-given-in-upper-case", Open("subject", "accept", _HEX)),
    ("digest-in-upper-case", Open("subject", "accept", _HEX)),
    ("several-artifacts-covered", Open("subject", "accept", _SEVERAL)),
    ("several-artifacts-one-not-covered", Open("subject", "reject", _SEVERAL)),
    ("one-artifact-given-twice", Open("subject", "accept", _SEVERAL)),
]


def patterns() -> list[str]:
    """Every name, or glob of names, about which something special is said."""
    return [pattern for pattern, _ in _SPECIAL]


def expectations(name: str, code: str | None, asks: bool) -> dict[str, dict[str, Any]]:
    """The expectation of each layer up to the one that says no.

    `code` is the vector's, None for a yes; `asks` says whether it is about an artifact. A layer behind one that had
    better say no has no expectation.
    """
    special = {rule.layer: rule for pattern, rule in _SPECIAL if fnmatchcase(name, pattern)}
    no = None if code is None else _LAYER_OF.get(code, LAYERS[0])
    found: dict[str, dict[str, Any]] = {}
    for layer in LAYERS if asks else LAYERS[:3]:
        rule = special.get(layer)
        if isinstance(rule, Open):
            found[layer] = {"is": "implementation-defined", "recommended": rule.verdict, "why": rule.why}
        else:
            place, sentence = rule.quote if rule else (_NO if layer == no else _YES)[layer]
            found[layer] = {"is": "must-reject" if layer == no else "must-accept", "ref": place, "quote": sentence}
        if layer == no or found[layer].get("recommended") == "reject":
            break
    return found
