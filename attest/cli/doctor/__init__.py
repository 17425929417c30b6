"""`attest doctor`: what is installed here, what is missing, and in which state it is.

Rule: the output can go into a public report: no values of variables, no PINs, and `~` for the home directory.
"""

from __future__ import annotations

from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import click

from attest._base.text import plural
from attest._base.times import format_time
from attest.cli import _commands, _options, _output
from attest.cli._output import quiet
from attest.cli.doctor import _installation, _variables
from attest.cli.doctor._problems import DoctorProblem
from attest.errors import AttestError, Rejected

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SECONDS: Final = 10.0  # for all PKCS#11 modules, which are asked at the same time


@click.command(cls=_commands.Command, short_help="Show what is installed here, and what is missing.")
@click.option("--trust", metavar="FILE", envvar="ATTEST_TRUST", help="Trust bundle whose state to show.")
@_options.trust_root_option
@click.option(
    "--connect",
    metavar="URI",
    multiple=True,
    callback=_options.check_signers,
    help="Connect to this signer and read its public key, without a PIN or passphrase. May be repeated.",
)
@click.option("--no-modules", is_flag=True, help="Do not load PKCS#11 modules, for example because one crashes.")
@click.option("--strict", is_flag=True, help="Exit 1 if there are problems.")
@_options.format_option
@click.pass_obj
def command(
    session: _output.OutputContext,
    trust: str | None,
    trust_root: str | None,
    connect: tuple[str, ...],
    no_modules: bool,
    strict: bool,
) -> _output.Completed:
    """Show what is installed here, and what is missing.

    Shows versions, extras, PKCS#11 modules with their tokens, the names of variables that are set, and the state of the
    trust bundle. Problems are listed at the end.

    The output is for a bug report: it has no values of variables, and the home directory is `~`. Labels of tokens, and
    the names of files and anchors, are in it. No PIN is used, and no network, except with --connect. What modules
    themselves print is shown with -v.
    """
    installed = _installation.describe()
    modules = [] if no_modules else _modules(session)
    found = list(_of_modules(modules))
    state, trust_lines, trust_findings = ({}, [], []) if trust is None else _trust(trust, trust_root)
    signers = [_connected(uri) for uri in connect]
    program = click.get_current_context().find_root().command
    findings = [*_installation.findings(), *found, *_variables.findings(program), *trust_findings]
    findings += [DoctorProblem(one["code"], "/signers", one["error"]) for one in signers if one["error"] is not None]
    text = [
        *_installation.lines(installed),
        *_module_lines(modules, no_modules),
        *_variables.lines(),
        *trust_lines,
        *_signer_lines(signers),
        f"problems: {len(findings) or 'none'}",
        *(f"  {finding.message} ({finding.code})" for finding in findings),
    ]
    details = {
        "installation": installed,
        "modules": modules,
        "variables": _variables.names(),
        **state,
        "signers": signers,
        "findings": [finding._asdict() for finding in findings],
    }
    text, details = _installation.for_a_report(text), _installation.for_a_report(details)
    if findings and strict:
        _output.undone(session, text, **details)
        raise Rejected("doctor-findings", f"{plural(len(findings), 'problem')} found")
    return _output.done(session, text, **details)


def _modules(session: _output.OutputContext) -> list[dict[str, Any]]:
    """The modules that p11-kit knows, with their tokens; without serial numbers and keys, which no report needs."""
    from attest.signers.pkcs11.configured import modules
    from attest.signers.pkcs11.survey import survey_all

    configured = modules()
    with quiet.libraries(session):
        found = survey_all(configured, _SECONDS)
    kept = ("token", "manufacturer", "model", "initialised", "warnings")
    for module in found:
        module["tokens"] = [
            {**{name: token[name] for name in kept}, "mechanisms": len(token["mechanisms"]), "keys": len(token["keys"])}
            for token in module["tokens"]
        ]
    return found


def _of_modules(modules: Sequence[dict[str, Any]]) -> Iterator[DoctorProblem]:
    for module in modules:
        if "error" in module:
            yield DoctorProblem(module["code"], "/modules", f"{module['path']}: {module['error']}")
        for token in module["tokens"]:
            for warning in token["warnings"]:
                yield DoctorProblem("token-warning", "/modules", f"token '{token['token']}': {warning}")


def _module_lines(modules: Sequence[dict[str, Any]], skipped: bool) -> Iterator[str]:
    yield "PKCS#11 modules" + (": not loaded" if skipped else "" if modules else ": p11-kit knows none")
    for module in modules:
        yield f"  {module['path']}{': ' + module['library'] if module.get('library') else ''}"
        for token in module["tokens"]:
            state = "" if token["initialised"] else " (not initialised)"
            numbers = f"{plural(token['keys'], 'public key')}, {plural(token['mechanisms'], 'mechanism')}"
            yield f"    token '{token['token']}'  {token['model']}: {numbers}{state}"


def _trust(file: str, root: str | None) -> tuple[dict[str, Any], list[str], list[DoctorProblem]]:
    """The state of a trust bundle: for the result object, as text, and what is wrong with it."""
    from attest.cli.trust import _show
    from attest.trust import lint, review
    from attest.trust.bundle import TrustBundle

    try:
        found = _show.read(file)
        bundle = review.unverified_versions(found)[-1]
        verified = isinstance(found, TrustBundle) if root is None else _accepted(found, root, file)
    except AttestError as error:
        return {}, [f"trust bundle {file}: cannot be used"], [DoctorProblem(error.code, "/trust", str(error))]
    warnings = [*lint.check(bundle, now=datetime.now(UTC)), *(() if root else review.review(found).findings)]
    findings = [DoctorProblem(*warning) for warning in warnings]
    signed = not isinstance(found, TrustBundle)
    expires = None if bundle.expires is None else format_time(bundle.expires)
    end = f"expires {expires}" if expires else "never expires"
    how = ("signed, and accepted from --trust-root" if verified else "signed, UNVERIFIED") if signed else "not signed"
    text = [
        f"trust bundle {file}",
        f"  version {bundle.version}, {end}, {how}",
        *(
            f"  anchor {one.name}: {one.threshold} of {len(one.keys) + len(one.identities)}"
            for one in bundle.anchors.values()
        ),
    ]
    summary = {"file": file, **_show.summary(bundle), "expires": expires, "signed": signed}
    return {"trust" if verified else "unverified": summary}, text, findings


def _accepted(found: Any, root: str, file: str) -> bool:
    """True for what the roots sign. Raises as `attest.trust.history.accept`."""
    from attest.trust import history

    try:
        history.accept(found, history.load_root(root))
    except AttestError as error:
        raise _options.locate(error, file) from None
    return True


def _connected(uri: str) -> dict[str, Any]:
    """Whether a signer shows its public key, without any secret."""
    from attest.signers import open_signer

    begin = perf_counter()
    try:
        with open_signer(uri) as signer:
            key = signer.public_key
    except AttestError as error:
        return {"signer": uri, "keyid": None, "algorithm": None, "code": error.code, "error": str(error)}
    took = round((perf_counter() - begin) * 1000, 1)
    return {
        "signer": uri,
        "keyid": key.keyid,
        "algorithm": key.algorithm.name,
        "milliseconds": took,
        "code": None,
        "error": None,
    }


def _signer_lines(signers: Sequence[dict[str, Any]]) -> Iterator[str]:
    if signers:
        yield "signers"
    for one in signers:
        reached = f"{one['algorithm']} {one['keyid']}" if one["error"] is None else "not available"
        yield f"  {one['signer']}: {reached}"
