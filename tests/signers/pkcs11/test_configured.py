"""The modules of this machine, by the rules of pkcs11.conf(5)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

import attest
from attest.signers.pkcs11 import configured

if TYPE_CHECKING:
    from pathlib import Path


class Machine:
    """Folders in the place of the real ones: of packages, of the administrator, and of the user."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.places = {name: folder / name / "modules" for name in ("packages", "administrator", "user")}
        for place in self.places.values():
            place.mkdir(parents=True)

    def configure(self, place: str, name: str, text: str) -> None:
        (self.places[place] / name).write_text(text)

    def library(self, name: str) -> str:
        """A file that could be a module."""
        path = self.folder / name
        path.touch()
        return str(path)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(tmp_path)
    monkeypatch.setattr(configured, "SYSTEM_FOLDERS", (made.places["packages"], made.places["administrator"]))
    monkeypatch.setattr(configured, "SYSTEM_SETTINGS", tmp_path / "pkcs11.conf")
    monkeypatch.setattr(configured, "_user_folder", lambda: tmp_path / "user")
    return made


def names() -> list[str]:
    return [module.name for module in configured.modules()]


def test_a_later_folder_replaces_the_fields_of_an_earlier_one(machine: Machine) -> None:
    first, second = machine.library("first.so"), machine.library("second.so")
    machine.configure("packages", "a.module", f"module: {first}\ncritical: yes\n")
    machine.configure("administrator", "a.module", f"module: {second}\n")
    assert configured.modules() == [configured.ConfiguredModule("a", second, critical=True)]


@pytest.mark.parametrize("place", ["administrator", "user"])
def test_an_empty_module_disables_it(place: str, machine: Machine) -> None:
    machine.configure("packages", "a.module", f"module: {machine.library('a.so')}\n")
    machine.configure(place, "a.module", "module:\n")
    assert names() == []
    with pytest.raises(attest.SignerError) as caught:
        configured.named("a")
    assert caught.value.code == "module-not-found"


def test_one_module_under_two_names_is_one(machine: Machine) -> None:
    real = machine.library("a.so")
    (machine.folder / "link.so").symlink_to(real)
    machine.configure("packages", "b.module", f"module: {real}\n")
    machine.configure("packages", "a.module", f"module: {machine.folder}/link.so\n")
    assert names() == ["a"]


@pytest.mark.parametrize(
    ("line", "searched"),
    [
        ("trust-policy: yes", False),
        ("trust-policy: no", True),
        ("enable-in: firefox, attest", True),
        ("enable-in: firefox thunderbird", False),
        ("enable-in: p11-kit-proxy", False),
        ("disable-in: attest", False),
        ("disable-in: firefox,attest", False),
        ("disable-in: firefox", True),
        ("enable-in: attest\ndisable-in: attest", True),
        ("# disable-in: attest", True),
        ("x-disable-in: attest", True),
        (" disable-in : attest ", False),
    ],
)
def test_a_module_is_searched_where_it_is_enabled_and_has_keys(line: str, searched: bool, machine: Machine) -> None:
    machine.configure("packages", "a.module", f"module: {machine.library('a.so')}\n{line}\n")
    assert names() == (["a"] if searched else [])
    assert configured.named("a").path.endswith("a.so")  # who names it wants it


def test_priority_decides_the_order_and_then_the_name(machine: Machine) -> None:
    for name, priority in (("a", "-1"), ("b", "x"), ("c", "0"), ("d", "10")):
        machine.configure("packages", f"{name}.module", f"module: {machine.library(name)}\npriority: {priority}\n")
    assert names() == ["d", "b", "c", "a"]


@pytest.mark.parametrize(
    ("system", "user", "found"),
    [
        ("", "", ["s", "u"]),
        ("user-config: none", "user-config: merge", ["s"]),
        ("user-config: only", "", ["u"]),
        ("", "user-config: none", ["s"]),
        ("user-config: merge", "user-config: only", ["u"]),
    ],
)
def test_user_config_decides_whose_files_are_read(system: str, user: str, found: list[str], machine: Machine) -> None:
    machine.configure("packages", "s.module", f"module: {machine.library('s.so')}\n")
    machine.configure("user", "u.module", f"module: {machine.library('u.so')}\n")
    (machine.folder / "pkcs11.conf").write_text(system)
    (machine.folder / "user" / "pkcs11.conf").write_text(user)
    assert names() == found


def test_a_string_for_the_start_belongs_to_its_module(machine: Machine) -> None:
    machine.configure("packages", "a.module", f"module: {machine.library('a.so')}\nx-init-reserved: a='b: c'\n")
    machine.configure("packages", "b.module", f"module: {machine.library('b.so')}\nx-init-reserved:\n")
    assert [module.reserved for module in configured.modules()] == ["a='b: c'", None]


@pytest.mark.parametrize("name", ["a.txt", ".a.module", "-a.module", "a b.module"])
def test_a_file_with_another_kind_of_name_is_not_read(name: str, machine: Machine) -> None:
    machine.configure("packages", name, f"module: {machine.library('a.so')}\n")
    assert names() == []


def test_a_module_that_is_not_there_keeps_its_path_and_is_no_file_of_this_folder(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.library("nowhere.so")
    monkeypatch.chdir(machine.folder)
    machine.configure("packages", "a.module", "module: nowhere.so\n")
    assert [module.path for module in configured.modules()] == ["nowhere.so"]


def test_what_is_not_text_or_not_readable_has_no_fields(machine: Machine) -> None:
    (machine.places["packages"] / "a.module").write_bytes(b"\xff\0module\n:\n")
    (machine.places["packages"] / "b.module").mkdir()
    (machine.places["packages"] / "c.module").symlink_to("nowhere")
    assert names() == []


@pytest.mark.parametrize(
    ("real", "effective", "read"), [(1000, 1000, True), (0, 0, False), (1000, 0, False), (0, 1000, False)]
)
def test_root_and_a_program_with_the_rights_of_another_user_read_no_user_files(
    real: int, effective: int, read: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: real)
    monkeypatch.setattr(os, "geteuid", lambda: effective)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert configured._user_folder() == (tmp_path / "pkcs11" if read else None)
