"""What is known of python-pkcs11's insides: where its objects have the function list of their module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pkcs11 import _pkcs11

from attest import SignerError, open_signer
from attest.signers.pkcs11.cryptoki import binding
from tests.support.tokens.checks import check
from tests.support.tokens.hsm import SoftHSM, member_of
from tests.support.watching import refused

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> SoftHSM:
    made = SoftHSM.make(tmp_path_factory.mktemp("hsm") / "binding", "t")
    made.add_keys("t", "p256")
    return made


def test_every_object_has_the_function_list_of_its_module(hsm: SoftHSM) -> None:
    with open_signer(hsm.uri()) as signer:
        check(signer)
        connection = member_of(signer).connection
        token, library = connection._token, connection.module.binding
        session = token.open()
        lists = [binding._functions_of(owner) for owner in (library, token.slot, session)]
        assert len({(each.Login, each.Sign) for each in lists}) == 1
        assert lists[0].Sign == library._table.Sign
        session.close()


@pytest.mark.parametrize("base", [object, _pkcs11.lib], ids=["without-pointers", "with-other-fields"])
def test_a_python_pkcs11_that_is_made_otherwise_is_refused(
    base: type, hsm: SoftHSM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binding, "_HAS_FUNCTIONS", base)
    with refused(SignerError, "module-invalid"):
        binding.Library.load(str(hsm.twin(tmp_path / "twin").module))
