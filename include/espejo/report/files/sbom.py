"""The bill of materials of a run: every installed package, as CycloneDX has it
(https://cyclonedx.org/specification/overview/, version 1.6)."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from importlib.metadata import distributions

from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

_NO_TIME = datetime.fromtimestamp(0, UTC)  # the form asks for one
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://cyclonedx.org")


def bill_of_materials(code_version: str) -> bytes:
    """The packages of this environment under the project, as JSON.

    `code_version`: of the project itself. The same packages give the same bytes: no time is in it,
    and its number follows from its content.
    """
    about = Component(
        name="espejo", type=ComponentType.APPLICATION, version=code_version, bom_ref="espejo"
    )
    found = {(d.metadata["Name"].lower().replace("_", "-"), d.version) for d in distributions()}
    parts = [
        Component(
            name=name,
            version=version,
            purl=(purl := PackageURL("pypi", name=name, version=version)),
            bom_ref=str(purl),
        )
        for name, version in sorted(found)
    ]
    bom = Bom(components=parts, metadata=BomMetaData(component=about, timestamp=_NO_TIME))
    bom.register_dependency(about, parts)
    named = "\n".join([code_version, *(str(part.purl) for part in parts)])
    bom.serial_number = uuid.uuid5(_NAMESPACE, named)
    return JsonV1Dot6(bom).output_as_string(indent=2).encode() + b"\n"
