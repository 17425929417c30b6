"""OCI layouts for tests: images, indexes, and what is attached to them, each with real digests.

Rule: a layout is right, unless the test breaks it.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

INDEX: Final = "application/vnd.oci.image.index.v1+json"
MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
CONFIG: Final = "application/vnd.oci.image.config.v1+json"
EMPTY: Final = "application/vnd.oci.empty.v1+json"
REF_NAME: Final = "org.opencontainers.image.ref.name"

Json = dict[str, Any]


class Layout:
    """A layout that is written as a test needs it; every method returns the descriptor of what it wrote."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "blobs" / "sha256").mkdir(parents=True)
        (root / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        self.entries: list[Json] = []
        self.write()

    def write(self) -> None:
        (self.root / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": self.entries}))

    def add(self, descriptor: Json, tag: str | None = None) -> Json:
        """List a document in index.json."""
        self.entries.append({**descriptor, "annotations": {REF_NAME: tag}} if tag else descriptor)
        self.write()
        return descriptor

    def blob(self, data: bytes, media_type: str, **more: Any) -> Json:
        digest = hashlib.sha256(data).hexdigest()
        (self.root / "blobs" / "sha256" / digest).write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data), **more}

    def document(self, members: Json) -> Json:
        return self.blob(json.dumps({"schemaVersion": 2, **members}).encode(), members["mediaType"])

    def manifest(self, *layers: Json, config: bytes = b"{}", **more: Any) -> Json:
        members = {"mediaType": MANIFEST, "config": self.blob(config, CONFIG), "layers": list(layers), **more}
        return self.document(members)

    def index(self, *manifests: Json, **more: Any) -> Json:
        return self.document({"mediaType": INDEX, "manifests": list(manifests), **more})

    def image(self, number: int = 0, tag: str | None = None) -> Json:
        """A manifest that differs from that of other numbers."""
        made = self.manifest(config=json.dumps({"number": number}).encode())
        return self.add(made, tag) if tag else made

    def attached(self, subject: Json, data: bytes, media_type: str, **annotations: str) -> Json:
        """A referrer with one layer; it is not listed anywhere."""
        return self.manifest(
            self.blob(data, media_type, annotations=annotations), artifactType=media_type, subject=subject
        )
