"""What a command imports: no module that it does not need, because every command line waits for all of them."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from attest.cli import attest
from attest.signers._software import to_pem
from tests.support.making.bundles import anchor, bundle
from tests.support.making.keys import ALICE, private_key
from tests.support.making.statements import ARTIFACT as DIGEST
from tests.support.making.statements import signed, statement

if TYPE_CHECKING:
    from pathlib import Path

_EVERY: Final = """
attest.__main__ attest._base attest._base.files attest._base.notices attest._base.plugins attest._base.registry
attest._base.text attest.cli attest.cli._commands attest.cli._commands.sections attest.cli._output
attest.cli._output.exits attest.cli._output.messages attest.cli.formats attest.cli.formats._text attest.errors
"""
_MOST: Final = """
attest._base.filenames attest._base.expected attest._base.json attest._base.large_json attest._base.lazy
attest._base.read_only attest._base.records attest.cli._inputs attest.cli._inputs.secrets attest.cli._options
attest.digest attest.envelope attest.keys attest.keys.checks attest.keys.documents attest.keys.exporting
attest.keys.formats attest.keys.keyids attest.keys.libsodium attest.keys.openssh attest.keys.public_key
attest.keys.texts attest.limits attest.schema attest.schema.compiled attest.schema.predicate_types attest.schema.rules
attest.schema.statements attest.statement attest.statement.content attest.statement.descriptors
"""
_VERIFY: Final = """
attest._base.documents attest._base.globbing attest._base.protojson attest._base.times attest.artifacts
attest.cli._options.policies attest.cli._options.registry attest.cli._options.times attest.cli._output.results
attest.cli.verify attest.cli.verify._artifacts attest.cli.verify._cluster attest.cli.verify._envelopes
attest.cli.verify._image attest.cli.verify._policy attest.cli.verify._printing attest.cli.verify._result
attest.cli.verify._statement attest.cli.verify._text attest.collection attest.collection._collected
attest.collection._deciding attest.matching attest.matching._statement attest.predicates attest.predicates._steps
attest.results attest.results.collection attest.results.report attest.results.verified attest.sources
attest.sources._containers attest.sources._document attest.sources._reading attest.sources.sigstore attest.timestamps
attest.timestamps.authorities attest.trust attest.trust.anchors attest.trust.anchors.keyring
attest.trust.anchors.owners attest.trust.anchors.roots attest.trust.anchors.standing attest.trust.bundle
attest.trust.history attest.trust.permission attest.trust.signatures attest.trust.signers attest.verifying
"""
_SIGN: Final = """
attest._base.json_lines attest._base.threads attest._base.times attest.cli._commands.stdin
attest.cli._inputs.documents attest.cli._inputs.signers attest.cli._output.deviations attest.cli.sign attest.signers
attest.signers._adapter attest.signers._base attest.signers._held attest.signers._keyfiles
attest.signers._keyfiles.binary attest.signers._keyfiles.chains attest.signers._keyfiles.cosign
attest.signers._keyfiles.costs attest.signers._keyfiles.der attest.signers._keyfiles.openssh
attest.signers._keyfiles.pem attest.signers._keyfiles.plain attest.signers._keyfiles.reading
attest.signers._keyfiles.text attest.signers._profiles attest.signers._protocol attest.signers._secrets
attest.signers._software attest.signers._uri attest.signers._wrapping attest.signers.file attest.signing
attest.signing._together attest.signing.inputs
"""

# Modules of attest, and distributions that a command may import; what it does not import any more is no fault.
COMMANDS: Final = {
    "--help": (_EVERY, "click lazy_loader"),
    "verify": (_EVERY + _MOST + _VERIFY, "click jiter jsonschema_rs lazy_loader nacl pybase64"),
    "sign": (_EVERY + _MOST + _SIGN, "click cryptography jiter jsonschema_rs lazy_loader nacl pybase64"),
}
# Modules that cost milliseconds, and that a command does without.
LEFT_OUT: Final = {
    "--help": {"ctypes", "json", "pathlib"},
    "verify": {"ctypes"},
    "sign": {"cryptography.hazmat.primitives.serialization"},
}
HEAVY: Final = {"asyncio", "logging", "nacl.bindings", "pickle", "subprocess", "tempfile", "tomllib"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cold")
    about = statement()
    (folder / "s.json").write_bytes(about.to_json())
    (folder / "e.json").write_bytes(signed(ALICE, about=about).to_json())
    (folder / "t.json").write_bytes(bundle({"a": anchor(ALICE)}).to_json())
    (folder / "k.pem").write_bytes(to_pem(private_key("ed25519")))
    return folder


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_imports_only_what_it_needs(name: str, folder: Path) -> None:
    arguments = {
        "--help": [],
        "verify": ["e.json", "--trust", "t.json", "--artifact", DIGEST, "--now", "2026-06-01T12:00:00Z"],
        "sign": ["s.json", "--signer", "file:k.pem", "-o", "out.json"],
    }[name]
    code = """
import gc, sys
before = set(sys.modules)
from attest.__main__ import main
try:
    main()
except SystemExit as end:
    assert end.code == 0, end.code
assert gc.get_freeze_count()  # so that Python does not look through all objects once more, which takes a tenth
print(*(set(sys.modules) - before), file=sys.stderr)
"""
    ran = subprocess.run(
        [sys.executable, "-c", code, name, *arguments], capture_output=True, text=True, cwd=folder, check=True
    )
    modules = set(ran.stderr.splitlines()[-1].split())
    ours, theirs = ({*text.split()} for text in COMMANDS[name])
    assert {one for one in modules if one.startswith("attest.")} - ours == set()
    found = {one.partition(".")[0] for one in modules} - sys.stdlib_module_names - {"attest"}
    extensions = {"_cffi_backend", "_openssl", "_rust", "_sodium"}  # as they call themselves
    assert found - extensions - theirs == set()
    assert modules & (HEAVY | LEFT_OUT[name]) == set()


def test_help_says_of_each_command_what_the_command_says() -> None:
    assert attest.summaries == {name: command.short_help for name, command in attest.commands.items()}
