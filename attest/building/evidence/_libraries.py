"""Complete checks of SBOMs by the libraries of their ecosystems, which the extra `attest-dsse[sbom]` installs.

Rule: a note says how far a document was checked; a library that fails on a document rejects it.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attest._base import files
from attest._base.json import pointer
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from attest._base.large_json import LazyObject

# What checking may cost, by measurement (docs/evidence.md): all of these build the whole document in memory, and
# spdx-tools takes the square of its size in time.
MAX_CYCLONEDX: Final = 64 << 20
MAX_SPDX: Final = 2 << 20
MAX_SPDX3: Final = 16 << 20

_ESSENTIAL: Final = "only the essential fields of the SBOM are checked"
_MISSING: Final = f"{_ESSENTIAL}; pip install 'attest-dsse[sbom]' to check the rest"


def _cyclonedx(document: LazyObject, version: str) -> str:
    """By the schema in cyclonedx-python-lib for the document's version.

    Its own JsonStrictValidator compares all components with each other where it looks for doubles: 105 seconds for a
    megabyte. The same schema decides in a tenth of a second here.
    """
    if find_spec("cyclonedx") is None:
        return _MISSING
    try:
        validator = _cyclonedx_validator(version)
    except (ImportError, AttributeError):  # where they lie is no promise of the library
        validator = None
    if validator is None:
        return f"{_ESSENTIAL}: the installed cyclonedx-python-lib has no schema for version {version}"
    if len(document.data) > MAX_CYCLONEDX:
        return _too_large(MAX_CYCLONEDX)
    values = dict(document)
    if not validator.is_valid(values):
        fault = next(validator.iter_errors(values))
        raise _refused("CycloneDX", version, fault.message, pointer(*fault.instance_path))
    return "the SBOM is checked with the schema of cyclonedx-python-lib"


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


def _spdx(document: LazyObject, version: str) -> str:
    """By spdx-tools: the document is parsed into its model, and that is validated."""
    try:
        from spdx_tools.spdx.parser.error import SPDXParsingError
        from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
        from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
    except ImportError:
        return _MISSING
    if len(document.data) > MAX_SPDX:
        return _too_large(MAX_SPDX)
    faults: list[str] = []
    with _refusals("SPDX", version):
        try:
            parsed = JsonLikeDictParser().parse(dict(document))
            faults = [fault.validation_message for fault in validate_full_spdx_document(parsed, f"SPDX-{version}")]
        except SPDXParsingError as error:
            faults = error.get_messages()
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise _refused("SPDX", version, f"{faults[0]}{more}", None)
    return "the SBOM is checked with spdx-tools"


def _spdx3(document: LazyObject, version: str) -> str:
    """By spdx-python-model: every element must be of its type, and have what that requires."""
    try:
        import spdx_python_model
    except ImportError:
        return _MISSING
    if len(document.data) > MAX_SPDX3:
        return _too_large(MAX_SPDX3)
    with _refusals("SPDX", version):
        try:
            model, elements = spdx_python_model.load_data(dict(document))
        except spdx_python_model.LoadError:
            return f"{_ESSENTIAL}: the installed spdx-python-model does not have its version"
        # Only what writes a document looks for what is required and is not there.
        model.JSONLDSerializer().serialize_data(elements)
    return "the SBOM is checked with spdx-python-model"


@contextmanager
def _refusals(what: str, version: str) -> Iterator[None]:
    """Whatever a library trips over in a document is a refusal of that document."""
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001  # neither library says what it raises
        message = str(error).strip() or type(error).__name__
        raise _refused(what, version, message, None) from None


def _refused(what: str, version: str, why: str, where: str | None) -> InputError:
    shown = why if len(why) <= 300 else f"{why[:300]} ..."
    hint = "Use --no-schema to attest it without the check."
    return InputError(
        "predicate-invalid", f"the report is not a valid {what} {version} document: {shown}", where=where, hint=hint
    )


def _too_large(limit: int) -> str:
    return f"{_ESSENTIAL}: the SBOM is larger than {files.size(limit)}"


# By the short name of the predicate type.
CHECKS: Final[Mapping[str, Callable[[LazyObject, str], str]]] = {
    "cyclonedx": _cyclonedx,
    "spdx": _spdx,
    "spdx3": _spdx3,
}
