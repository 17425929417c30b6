"""What every signer must do, whatever its scheme: each demand is a function of a URI and of what opens it.

`tests/signers/test_signers.py` makes these demands of every scheme with its specimens, and
`tests/support/tokens/conformance.py` of every PKCS#11 module. A demand that fails raises AssertionError or what the
signer raised.

    python -m tests.support.conformance SCHEME URI

signs, forks, and signs in both processes.
"""

from __future__ import annotations

import copy
import os
import pickle
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import pytest

from attest import PublicKey, SignerError, open_signer
from attest.signers._uri import SignerURI, in_order

if TYPE_CHECKING:
    from collections.abc import Callable

    from attest.signers import BaseSigner, Secrets

    Demand = Callable[[str, Secrets], object]

DATA: Final = b"DSSEv1 what is signed"
MEBIBYTE: Final = bytes(1 << 20)
_GET_ALL: Final = ("ssh-agent",)  # schemes that send the data itself, whatever the key is


def specimens_of(scheme: str) -> Any:
    """The module with the specimens of a scheme; a `-` in its name is a `_` there."""
    name = f"tests.support.specimens.{scheme.replace('-', '_')}"
    try:
        return import_module(name)
    except ModuleNotFoundError:
        pytest.fail(f"the scheme {scheme} has no specimens: write {name.replace('.', '/')}.py")


def check(signer: BaseSigner, data: bytes = DATA) -> None:
    """It signs `data` with its own key. What signs no digest may have a limit, which must have its code."""
    signs_a_digest = signer.public_key.algorithm.digest and signer.uri.scheme not in _GET_ALL
    has_a_limit = len(data) > 4096 and not signs_a_digest
    try:
        made = signer.sign(data)
    except SignerError as error:
        if has_a_limit and error.code == "data-too-large":
            return
        raise
    assert made.keyid == signer.public_key.keyid
    assert signer.public_key.accepts(made.sig, data)


def signs_nothing_and_a_mebibyte(uri: str, secrets: Secrets) -> None:
    with open_signer(uri, secrets=secrets) as signer:
        check(signer, b"")
        check(signer, MEBIBYTE)


def signs_many_in_their_order(uri: str, secrets: Secrets) -> None:
    with open_signer(uri, secrets=secrets) as signer:
        data = [b"", DATA, b"x" * 4000, DATA]
        made = signer.sign_many(data)
        assert len(made) == len(data)
        for one, signature in zip(data, made, strict=True):
            assert not isinstance(signature, SignerError), signature
            assert signer.public_key.accepts(signature.sig, one)
        assert signer.sign_many([]) == []


def is_closed_for_good(uri: str, secrets: Secrets) -> None:
    used, unused = open_signer(uri, secrets=secrets), open_signer(uri, secrets=secrets)
    used.sign(DATA)
    for signer in (used, unused):
        signer.close()
        signer.close()
        acts: dict[str, Callable[[], object]] = {
            "public_key": lambda signer=signer: signer.public_key,  # type: ignore[misc]
            "sign": lambda signer=signer: signer.sign(DATA),  # type: ignore[misc]
            "verify": lambda signer=signer: signer.verify(b"", DATA),  # type: ignore[misc]
            "digest": lambda signer=signer: signer.digest(DATA),  # type: ignore[misc]
        }
        for name, act in acts.items():
            if name in {"public_key", *signer.capabilities}:
                with pytest.raises(SignerError) as caught:
                    act()
                assert caught.value.code == "signer-closed", name
        assert [getattr(one, "code", None) for one in signer.sign_many([DATA, DATA])] == ["signer-closed"] * 2


def cannot_be_pickled_or_copied(uri: str, secrets: Secrets) -> None:
    with open_signer(uri, secrets=secrets) as signer:
        for act in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError):
                act(signer)


def says_what_it_is_in_the_usual_forms(uri: str, secrets: Secrets) -> None:
    with open_signer(uri, secrets=secrets) as signer:
        key = signer.public_key
        version = signer.version_uri
        if version is not None:
            with open_signer(_with_query(version, signer.uri), secrets=secrets) as same:
                assert same.public_key == key
                assert same.version_uri == version
        assert all(isinstance(one, bytes) for one in signer.certificates)
        assert isinstance(signer.shown_public_key(), PublicKey | None)
        for entry, _ in signer.health():
            assert {"token", "state", "reason", "sessions", "connections", "errors", "warnings"} <= entry.keys()
        signer.settle()


def takes_over_in_a_failover(uri: str, secrets: Secrets) -> None:
    """From itself, which is all that every scheme has."""
    with open_signer(in_order([uri, uri]), secrets=secrets) as signer:
        check(signer)
        signer.settle()
        check(signer)


def refuses_what_it_does_not_know(uri: str, secrets: Secrets) -> None:
    for query in ("zz-unknown=1", "timeout=soon", "timeout=-1", "algorithm=md5", "x-algorithm=md5"):
        name = query.partition("=")[0]
        if name not in SignerURI.parse(uri).query:
            with pytest.raises(SignerError) as caught:
                open_signer(f"{uri}{'&' if '?' in uri else '?'}{query}", secrets=secrets).public_key  # noqa: B018
            assert caught.value.code == "signer-uri-invalid", query


# What each key of a scheme must do, and what is tried with one key of each, because it takes longer.
OF_EVERY_KEY: Final[tuple[Demand, ...]] = (
    signs_nothing_and_a_mebibyte,
    signs_many_in_their_order,
    is_closed_for_good,
    says_what_it_is_in_the_usual_forms,
)
OF_A_SCHEME: Final[tuple[Demand, ...]] = (
    cannot_be_pickled_or_copied,
    takes_over_in_a_failover,
    refuses_what_it_does_not_know,
)


def _with_query(version: str, uri: SignerURI) -> str:
    query = uri.text.partition("?")[2]
    return f"{version}?{query}" if query else version


def main(scheme: str, uri: str) -> None:
    """Sign, fork, and sign in both."""
    signer = open_signer(uri, secrets=specimens_of(scheme).secrets)
    check(signer)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            check(signer)
            code = 0
        finally:
            os._exit(code)
    check(signer)
    assert os.waitpid(child, 0)[1] == 0, "the child could not sign"
    check(signer)


if __name__ == "__main__":
    main(*sys.argv[1:])
