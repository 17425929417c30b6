"""Complete checks of SBOMs by the libraries of their ecosystems, which the extra `attest-dsse[sbom]` installs.

Rule: what a library finds is only noted, so that no document is refused because a library is installed.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest._base import files
from attest._base.json import pointer
from attest.schema import MAX_NOTED, Violation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from attest._base.large_json import LazyObject

# What checking may cost, by measurement (docs/sign/evidence.md): all of these build the whole document in memory, and
# spdx-tools takes the square of its size in time.
MAX_CYCLONEDX: Final = 64 << 20
MAX_SPDX: Final = 2 << 20
MAX_SPDX3: Final = 16 << 20
_MAX_FOUND: Final = 100
_FRACTION: Final = re.compile(r"\.[0-9]+(?=Z\Z)")

_ESSENTIAL: Final = "only the essential fields of the SBOM are checked"
_MISSING: Final = f"{_ESSENTIAL}; pip install 'attest-dsse[sbom]' to check the rest"


class Check(NamedTuple):
    """How far a document was checked, in a sentence, and what it breaks, with pointers into the statement."""

    note: str
    faults: tuple[Violation, ...] = ()


def _cyclonedx(document: LazyObject, version: str) -> Check:
    """By the schema in cyclonedx-python-lib for the document's version.

    Its own JsonStrictValidator compares all components with each other where it looks for doubles: 105 seconds for a
    megabyte. The same schema decides in a tenth of a second here.
    """
    if find_spec("cyclonedx") is None:
        return Check(_MISSING)
    try:
        validator = _cyclonedx_validator(version)
    except (ImportError, AttributeError):  # where they lie is no promise of the library
        validator = None
    if validator is None:
        return Check(f"{_ESSENTIAL}: the installed cyclonedx-python-lib has no schema for version {version}")
    if len(document.data) > MAX_CYCLONEDX:
        return _too_large(MAX_CYCLONEDX)
    values = dict(document)
    errors = () if validator.is_valid(values) else islice(validator.iter_errors(values), _MAX_FOUND)
    found = [(pointer(*error.instance_path), error.message) for error in errors]
    return _checked("the schema of cyclonedx-python-lib", f"CycloneDX {version}", found)


@lru_cache(maxsize=8)
def _cyclonedx_validator(version: str) -> Any:
    import jsonschema_rs
    from cyclonedx.schema import _res

    schemas = {known.to_version(): path for known, path in _res.BOM_JSON_STRICT.items() if path is not None}
    if version not in schemas:
        return None
    parts = {
        "spdx.SNAPSHOT.schema.json": _res.SPDX_JSON,
        "jsf-0.82.SNAPSHOT.schema.json": _res.JSF,
        "cryptography-defs.SNAPSHOT.schema.json": _res.CRYPTOGRAPHY_DEFS,
    }
    registry = jsonschema_rs.Registry(
        [(f"http://cyclonedx.org/schema/{name}", json.loads(Path(path).read_bytes())) for name, path in parts.items()]
    )
    schema = json.loads(Path(schemas[version]).read_bytes())
    return jsonschema_rs.Draft7Validator(schema, registry=registry, validate_formats=True)


def _spdx(document: LazyObject, version: str) -> Check:
    """By spdx-tools: the document is parsed into its model, and that is validated."""
    try:
        from spdx_tools.spdx.parser.error import SPDXParsingError
        from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
        from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
    except ImportError:
        return Check(_MISSING)
    if len(document.data) > MAX_SPDX:
        return _too_large(MAX_SPDX)
    try:
        parsed = JsonLikeDictParser().parse(_without_fraction(dict(document)))
        faults = [fault.validation_message for fault in validate_full_spdx_document(parsed, f"SPDX-{version}")]
    except SPDXParsingError as error:
        faults = error.get_messages()
    except Exception as error:  # noqa: BLE001  # the library does not say what it raises
        faults = [_tripped(error)]
    return _checked("spdx-tools", f"SPDX {version}", [("", fault) for fault in faults])


def _without_fraction(document: dict[str, Any]) -> dict[str, Any]:
    """The same with whole seconds: our schema has noted it, and the library would read nothing else."""
    info = document.get("creationInfo")
    if not isinstance(info, dict) or not isinstance(info.get("created"), str):
        return document
    return {**document, "creationInfo": {**info, "created": _FRACTION.sub("", info["created"])}}


def _spdx3(document: LazyObject, version: str) -> Check:
    """By spdx-python-model: every element must be of its type, and have what that requires."""
    try:
        import spdx_python_model
    except ImportError:
        return Check(_MISSING)
    if len(document.data) > MAX_SPDX3:
        return _too_large(MAX_SPDX3)
    faults = []
    try:
        model, elements = spdx_python_model.load_data(dict(document))
        # Only what writes a document looks for what is required and is not there.
        model.JSONLDSerializer().serialize_data(elements)
    except spdx_python_model.LoadError:
        return Check(f"{_ESSENTIAL}: the installed spdx-python-model does not have its version")
    except Exception as error:  # noqa: BLE001  # the library does not say what it raises
        faults = [("", _tripped(error))]
    return _checked("spdx-python-model", f"SPDX {version}", faults)


def _checked(by: str, what: str, found: Sequence[tuple[str, str]]) -> Check:
    """The check by a library that found something wrong at these places of a document; only the first are kept."""
    kept = list(dict.fromkeys(found))
    faults = [
        Violation(f"/predicate{where}".rstrip("/"), f"{_shortened(message)} ({what}, {by})", by)
        for where, message in kept[:MAX_NOTED]
    ]
    if len(kept) > MAX_NOTED:
        faults[-1] = Violation("/predicate", f"{len(kept) - MAX_NOTED + 1} or more others ({what}, {by})", by)
    return Check(f"the SBOM is checked with {by}", tuple(faults))


def _tripped(error: Exception) -> str:
    """What a library raised, without an error of the machine."""
    if isinstance(error, MemoryError):
        raise error
    return str(error).strip() or type(error).__name__


def _shortened(message: str) -> str:
    return message if len(message) <= 300 else f"{message[:300]} ..."


def _too_large(limit: int) -> Check:
    return Check(f"{_ESSENTIAL}: the SBOM is larger than {files.size(limit)}")


# By the short name of the predicate type.
CHECKS: Final[Mapping[str, Callable[[LazyObject, str], Check]]] = {
    "cyclonedx": _cyclonedx,
    "spdx": _spdx,
    "spdx3": _spdx3,
}
