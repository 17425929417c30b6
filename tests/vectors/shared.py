"""The trust bundles and roots that more than one scenario uses, by the names of their files in fixtures/vectors/trust.

Rule: each is stored once. The table names one use of it; every scenario with the same bytes then refers to that file.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from tests.vectors.scenarios import SHARED, Scenario

if TYPE_CHECKING:
    from collections.abc import Iterable

# NAME: SCENARIO FILE
_NAMES: Final = {
    "alice": "algorithm-ed25519 trust.json",
    "alice-under-bobs-keyid": "trust-keyid-wrong trust.json",
    "alice-compromised": "key-compromised trust.json",
    "alice-and-bob": "threshold-met-by-one-key-signing-twice trust.json",
    "alice-or-bob": "empty-signature-beside-a-good-one trust.json",
    "alice-or-bob-with-overlap": "rotated-key-within-its-overlap trust.json",
    "alice-under-two-keyids": "one-key-listed-under-two-keyids-both-in-the-envelope trust.json",
    "alice-marked-and-unmarked": "one-key-listed-with-and-without-the-simulators-mark-both-in-the-envelope trust.json",
    "two-of-three": "two-of-three-signed-by-two trust.json",
    "two-anchors-of-two": "thresholds-are-not-pooled-across-anchors trust.json",
    "release-and-security": "policy-chain-command-succeeded trust.json",
    "no-anchors": "trust-without-anchors trust.json",
    "p256": "algorithm-ecdsa-sha2-nistp256 trust.json",
    "p384": "algorithm-ecdsa-sha2-nistp384 trust.json",
    "rsa-pss": "algorithm-rsassa-pss-sha256 trust.json",
    "rsa-pkcs1v15": "algorithm-rsa-pkcs1v15-sha256 trust.json",
    "ml-dsa-44": "algorithm-ml-dsa-44 trust.json",
    "hybrid": "hybrid-both-families trust.json",
    "simulated": "simulated-key trust.json",
    "simulated-under-two-algorithms": "simulated-key-marked-under-another-algorithm trust.json",
    "subjects-txt": "subject-glob-matches trust.json",
    "subjects-app-txt": "subject-glob-begins-where-the-name-begins trust.json",
    "subjects-and-uris": "subject-name-and-uri-allowed trust.json",
    "subjects-all": "subject-with-no-name-where-every-name-is-allowed trust.json",
    "narrow-then-broad": "the-more-specific-anchor-decides-and-stands-first trust.json",
    "broad-then-narrow": "the-more-specific-anchor-decides-and-stands-last trust.json",
    "glob-and-exact-name": "a-name-that-climbs-is-vouched-for-by-who-listed-it trust.json",
    "same-subjects-twice": "a-tie-and-one-of-them-signed trust.json",
    "builds-and-claims": "two-roles-and-the-one-for-it-signed trust.json",
    "one-builder": "builder-allowed trust.json",
    "expired-with-authority": "timestamp-from-an-unlisted-authority trust.json",
    "expired-with-certificate": "timestamp-from-the-listed-certificate trust.json",
    "retired-with-authority": "timestamp-of-a-retired-key trust.json",
    "window-with-authority": "timestamp-at-the-first-moment trust.json",
    "current-with-authority": "timestamp-of-a-key-that-counts-now trust.json",
    "two-with-authority": "timestamp-fills-a-threshold trust.json",
    "retired-later-with-authority": "timestamp-a-little-ahead trust.json",
    "signed-version-2": "trust-chain-next-version trust.json",
    "version-1": "trust-chain-next-version trust-root.json",
    "history-1-2": "trust-chain-from-the-last-of-a-history trust-root.json",
    "signed-version-3": "trust-chain-from-the-last-of-a-history trust.json",
    "version-2": "trust-chain-over-a-rotation trust-root.json",
    "history-1-4": "trust-chain-walked trust.json",
    "version-3": "trust-chain-from-the-middle trust-root.json",
    "roots": "trust-chain-from-roots-alone trust-root.json",
    "signed-version-2-of-old-roots": "trust-chain-old-root-retired trust.json",
    "version-1-simulated": "trust-chain-simulated-root trust-root.json",
    "signed-version-2-simulated": "trust-chain-simulated-root trust.json",
}


def shared(scenarios: Iterable[Scenario]) -> dict[bytes, str]:
    """Every file of trust that more than one of the scenarios uses, with its path in fixtures/vectors.

    Raises ValueError for one without a name, for a name that is no such file, and for two names of one file.
    """
    uses: dict[bytes, list[str]] = defaultdict(list)
    for scenario in scenarios:
        for path, data in scenario.trusts().items():
            uses[data].append(f"{scenario.name} {path}")
    of_use = {use: data for data, users in uses.items() if len(users) > 1 for use in users}
    found: dict[bytes, str] = {}
    for name, use in _NAMES.items():
        if use not in of_use:
            raise ValueError(f"{name}: no other scenario uses {use}")
        if of_use[use] in found:
            raise ValueError(f"{name} and {found[of_use[use]]} are the same trust bundle")
        found[of_use[use]] = f"{SHARED}/{name}.json"
    for use, data in of_use.items():
        if data not in found:
            raise ValueError(f"{use} is used by {len(uses[data])} scenarios: give it a name in tests/vectors/shared.py")
    return found
