"""Prints a CycloneDX SBOM of attest: what it requires, in the versions that are installed here.

Rule: it names the project and no file. The attestation's subjects say which files it is about.
"""

from __future__ import annotations

from importlib.metadata import distribution

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement

NAME = "attest-dsse"


def component(name: str, kind: ComponentType) -> Component:
    """A distribution that is installed."""
    version = distribution(name).version
    return Component(name=name, version=version, type=kind, purl=PackageURL("pypi", name=name.lower(), version=version))


def sbom() -> str:
    """The SBOM, as JSON."""
    bom = Bom()
    bom.metadata.component = component(NAME, ComponentType.APPLICATION)
    for requirement in map(Requirement, distribution(NAME).requires or ()):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            bom.components.add(component(requirement.name, ComponentType.LIBRARY))
    bom.register_dependency(bom.metadata.component, bom.components)
    return str(JsonV1Dot6(bom).output_as_string(indent=2))


if __name__ == "__main__":
    print(sbom())  # noqa: T201
