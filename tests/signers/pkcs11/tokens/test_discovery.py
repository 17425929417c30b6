"""A URI that names no module: its token is searched in all modules that p11-kit is configured with."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

import attest
from attest.signers.pkcs11 import configured
from attest.signers.pkcs11.cryptoki import module
from attest.signers.pkcs11.cryptoki.calls import Deadline
from attest.signers.pkcs11.tokens import discovery
from tests.support.cli.calls import call
from tests.support.tokens.checks import check, refusal
from tests.support.tokens.hsm import SoftHSM, member_of
from tests.support.tokens.injector import FaultInjector

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SoftHSM:
    folder = tmp_path_factory.mktemp("discovery")
    hsm = SoftHSM.make(folder / f"made-{folder.name}", "t")
    hsm.add_keys("t", "p256")
    return hsm


class Machine:
    """A SoftHSM that p11-kit's configuration names, and other modules that it names too."""

    def __init__(self, hsm: SoftHSM, folder: Path) -> None:
        self.hsm = hsm
        self.folder = folder

    def configure(self, name: str, path: Path | str, *lines: str) -> None:
        (self.folder / f"{name}.module").write_text("\n".join([f"module: {path}", *lines]))

    def copy(self, name: str) -> Path:
        """Another module that has the same tokens."""
        path = self.hsm.folder / f"lib{name}-{self.hsm.folder.name}.so"
        shutil.copy(self.hsm.module, path)
        return path

    def uri(self, token: str = "t", **query: str) -> str:
        return self.hsm.uri(token, module_path="", x_module_env="", **query)


@pytest.fixture
def machine(made: SoftHSM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    hsm = made.twin(tmp_path / f"a-{tmp_path.name}")
    folder = tmp_path / "modules"
    folder.mkdir()
    monkeypatch.setattr(configured, "SYSTEM_FOLDERS", (folder,))
    monkeypatch.setattr(configured, "SYSTEM_SETTINGS", tmp_path / "none")
    monkeypatch.setattr(configured, "_user_folder", lambda: None)
    monkeypatch.setenv("SOFTHSM2_CONF", str(hsm.configuration))
    machine = Machine(hsm, folder)
    machine.configure("real", hsm.module)
    return machine


def test_the_module_with_the_token_is_found_and_kept(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    with attest.open_signer(machine.uri()) as signer:
        check(signer)
        connection = member_of(signer).connection
        assert connection.module.path == str(machine.hsm.module)
        # What is configured later does not matter to a signer that has found its token.
        (machine.folder / "real.module").unlink()
        monkeypatch.setattr(discovery, "module_with", None)
        member_of(signer).connection.module.start_over(connection.module.generation, Deadline(10))
        check(signer)


def test_a_module_that_is_broken_or_hangs_hides_no_other(
    machine: Machine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "text").write_text("no library\n")
    machine.configure("broken", tmp_path / "text")
    machine.configure("gone", tmp_path / "gone.so")
    hanging = machine.copy("hangs")
    machine.configure("hangs", hanging)
    with FaultInjector(hanging) as faults:
        faults.hang("C_Initialize")
        with attest.open_signer(machine.uri(timeout="2")) as signer:
            check(signer)
            (warning,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
            for said in ("3 PKCS#11 modules could not be searched", str(tmp_path / "text"), "gone.so", str(hanging)):
                assert said in warning
            assert f"module-path={machine.hsm.module}" in warning
        with attest.open_signer(machine.uri("elsewhere", timeout="2")) as signer:
            error = refusal(signer)
        assert error.code == "token-not-found"
        assert "no token matches in 1 PKCS#11 module; they have 't'" in error.message
        assert "(token-timeout)" in error.message
        assert "(module-invalid)" in error.message


def test_a_token_in_two_modules_is_ambiguous_and_both_are_named(machine: Machine) -> None:
    copy = machine.copy("second")
    machine.configure("second", copy)
    with attest.open_signer(machine.uri()) as signer:
        error = refusal(signer)
    assert error.code == "token-ambiguous"
    assert str(copy) in error.message
    assert str(machine.hsm.module) in error.message
    assert "module-path=" in str(error.hint)
    with attest.open_signer(machine.uri(module_name="second")) as signer:
        check(signer)


def test_a_module_that_is_not_for_keys_is_not_loaded(machine: Machine) -> None:
    trust = machine.copy("trust")
    machine.configure("trust", trust, "trust-policy: yes")
    with FaultInjector(trust) as faults, attest.open_signer(machine.uri()) as signer:
        check(signer)
        assert not faults.calls


def test_no_module_is_searched_where_one_is_named(machine: Machine) -> None:
    other = machine.copy("other")
    machine.configure("other", other)
    with FaultInjector(other) as faults, attest.open_signer(machine.hsm.uri()) as signer:
        check(signer)
        assert not faults.calls


def test_a_critical_module_that_fails_is_an_error(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no library\n")
    machine.configure("broken", tmp_path / "text", "critical: yes")
    with attest.open_signer(machine.uri()) as signer:
        error = refusal(signer)
    assert (error.code, error.where) == ("module-invalid", str(tmp_path / "text"))


def test_without_any_module_the_error_says_what_to_add(machine: Machine) -> None:
    (machine.folder / "real.module").unlink()
    with attest.open_signer(machine.uri()) as signer:
        error = refusal(signer)
    assert error.code == "module-not-found"
    assert "module-path=" in str(error.hint)


def test_the_path_may_name_the_module_and_the_slot(machine: Machine) -> None:
    slots = machine.hsm.run("softhsm2-util", "--show-slots")
    number = int(slots.split("Slot ", 2)[1].split()[0])
    right = f"library-manufacturer=SoftHSM;library-version=2.6;slot-manufacturer=SoftHSM%20project;slot-id={number}"
    for names, code in ((right, None), (right.replace("2.6", "2.7"), "token-not-found")):
        with attest.open_signer(machine.uri().replace("token=t", f"token=t;{names}")) as signer:
            if code is None:
                check(signer)
            else:
                assert refusal(signer).code == code


def test_a_token_that_comes_later_is_found_then(machine: Machine) -> None:
    tokens = machine.hsm.folder / "tokens"
    tokens.rename(machine.hsm.folder / "away")
    tokens.mkdir()
    with attest.open_signer(machine.uri(timeout="1")) as signer:
        assert refusal(signer).code == "token-not-found"
        tokens.rmdir()
        (machine.hsm.folder / "away").rename(tokens)
        module.module_at(str(machine.hsm.module)).start_over(
            module.module_at(str(machine.hsm.module)).generation, Deadline(10)
        )
        check(signer)


def test_signer_list_and_key_export_search_too(machine: Machine) -> None:
    listed = call("signer", "list", "--format", "json").json["modules"]
    assert [entry["path"] for entry in listed] == [str(machine.hsm.module)]
    with attest.open_signer(machine.uri()) as signer:
        pem = signer.public_key.to_pem()
    assert call("key", "export", machine.uri(pin_source="")).stdout.decode() == pem
