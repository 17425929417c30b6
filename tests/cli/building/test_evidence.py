"""`attest build --from` and `--purl` on the command line, on to signing and verifying what they make."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from attest.building.evidence import formats
from tests.support.cli.calls import call
from tests.support.cli.inputs import INPUTS
from tests.support.examples import few
from tests.support.making import reports

if TYPE_CHECKING:
    from pathlib import Path

WHEEL = "package-1.0-py3-none-any.whl"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that everything happens in, with an artifact and a report of each format."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.whl").write_bytes(b"hello\n")
    for form in formats():
        (tmp_path / form).write_bytes(reports.data(form))
    return tmp_path


def details(form: str) -> list[str]:
    return [word for name, value in reports.DETAILS.get(form, {}).items() for word in ("--detail", f"{name}={value}")]


@pytest.mark.parametrize("form", formats())
def test_a_report_is_built_signed_and_verified(form: str) -> None:
    built = call("build", "app.whl", "--from", form, *details(form))
    assert built.code == 0
    assert all(line.startswith("attest: note: ") for line in built.prose)
    signed = call("sign", "--signer", "sim:ci", "-o", "app.intoto.json", stdin=built.stdout).done()
    assert signed.stdout == b""
    call("trust", "init", "--anchor", "ci", "--key", "sim:ci", "-o", "trust.json").done()
    verified = call(
        "verify",
        "app.intoto.json",
        "--trust",
        "trust.json",
        "--artifact",
        "app.whl",
        "--allow-simulated",
        "--format",
        "json",
    ).done()
    [envelope] = verified.json["envelopes"]
    assert (envelope["predicateSchema"], envelope["subjects"][0]["name"]) == ("checked", "app.whl")


@pytest.mark.parametrize("form", ["cyclonedx", "spdx", "spdx3", "grype", "trivy"])
def test_without_a_file_the_statement_is_about_what_the_report_names(form: str) -> None:
    built = call("build", "--from", form, *details(form))
    [subject] = json.loads(built.stdout)["subject"]
    assert subject["digest"]["sha256"] in (reports.SHA256, reports.IMAGE.removeprefix("sha256:"))


@pytest.mark.parametrize("form", ["cyclonedx", "spdx", "spdx3"])
def test_an_sbom_that_is_refused_can_be_attested_all_the_same(form: str, folder: Path) -> None:
    document: dict[str, Any] = reports.DOCUMENTS[form]()
    document["@graph" if form == "spdx3" else "packages" if form == "spdx" else "components"] = [7]
    (folder / "bad.json").write_text(json.dumps(document))
    call("build", "app.whl", "--from", "bad.json").refused(3, "predicate-invalid")
    built = call("build", "app.whl", "--from", "bad.json", "--no-schema")
    assert (built.code, built.prose) == (0, ["attest: note: the SBOM is not checked"])
    assert json.loads(built.stdout)["predicate"] == document


def test_an_anchor_allows_a_package_by_its_purl_and_its_name(folder: Path) -> None:
    shutil.copy(INPUTS / WHEEL, folder)
    call("build", WHEEL, "--purl", "--from", "junit", "-o", "tests.json")
    call("sign", "tests.json", "--signer", "sim:ci", "-o", "tests.intoto.json").done()
    for globs, code in (
        (["pkg:pypi/package@*", "*.whl"], 0),
        (["pkg:pypi/package@*"], 1),
        (["*.whl"], 1),
        (["pkg:pypi/other@*", "*.whl"], 1),
    ):
        limits = [word for glob in globs for word in ("--subject", glob)]
        (folder / "trust.json").unlink(missing_ok=True)
        call("trust", "init", "--anchor", "ci", "--key", "sim:ci", *limits, "-o", "trust.json").done()
        asked = ("--trust", "trust.json", "--artifact", WHEEL, "--allow-simulated")
        assert call("verify", "tests.intoto.json", *asked).code == code


def test_the_same_detail_is_given_once() -> None:
    twice = call("build", "app.whl", "--from", "junit", "--detail", "url=https://a/1", "--detail", "url=https://a/2")
    twice.refused(2, "url was given twice")
    configured = call(
        "build", "app.whl", "--from", "junit", "--detail", "configuration=app.whl", "--detail", "configuration=ci=junit"
    )
    names = [item["name"] for item in json.loads(configured.stdout)["predicate"]["configuration"]]
    assert names == ["app.whl", "ci"]


def test_a_detail_that_breaks_the_schema_of_the_predicate_is_refused() -> None:
    call("build", "app.whl", "--from", "junit", "--detail", "url=no uri").refused(3, "predicate-invalid")
    call("build", "app.whl", "--from", "junit", "--detail", "configuration=nothing").refused(3, "subject-missing")


@pytest.mark.slow
@pytest.mark.parametrize("indent", few(1, [None, 2]))
def test_a_large_sbom_takes_less_than_five_times_its_size_in_memory(indent: int | None, folder: Path) -> None:
    def component(number: int) -> dict[str, Any]:
        purl = f"pkg:pypi/package-{number}@1.{number % 97}"
        hashes = [{"alg": "SHA-256", "content": f"{number:064x}"}]
        return {
            "type": "library",
            "bom-ref": purl,
            "name": f"package-{number}",
            "version": "1",
            "purl": purl,
            "hashes": hashes,
        }

    with open(folder / "large.json", "w") as stream:
        json.dump(reports.cyclonedx(components=[component(n) for n in range(120_000)]), stream, indent=indent)
        size = stream.tell()
    assert size > 20_000_000
    # Asked of the process itself: what the system reports of a child counts its parent's memory too.
    program = (
        "import sys; from attest.cli import main; code = main(sys.argv[1:]);"
        "status = dict(line.split(':', 1) for line in open('/proc/self/status'));"
        "print(status['VmHWM'].split()[0], file=sys.stderr);"
        "sys.exit(code)"
    )
    arguments = ["build", "--from", "large.json", "--no-schema", "-o", "out.json"]
    ran = subprocess.run([sys.executable, "-c", program, *arguments], check=True, capture_output=True, text=True)
    assert int(ran.stderr.split()[-1]) * 1024 < 5 * size
    assert (folder / "out.json").stat().st_size > size
