"""Who may do what in the embedded lake: its buckets, identities and keys."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

RAW_BUCKET: Final = "espejo-raw"
RESTRICTED_BUCKET: Final = "espejo-restricted"
PUBLIC_BUCKET: Final = "espejo-public"
DOWNSTREAM_BUCKET: Final = "espejo-downstream"
BUCKETS: Final = (RAW_BUCKET, RESTRICTED_BUCKET, PUBLIC_BUCKET, DOWNSTREAM_BUCKET)

ADMIN: Final = "admin"

# A bucket's bare name, not "bucket/*": with the star, HeadBucket and a listing without a prefix are
# refused. The name is matched whole: "Read:espejo-raw" opens no "espejo-raw-2".
ACTIONS: Final[dict[str, tuple[str, ...]]] = {
    ADMIN: ("Admin",),
    "ingest": (f"Read:{RAW_BUCKET}", f"List:{RAW_BUCKET}"),
    "work": tuple(f"{action}:{RESTRICTED_BUCKET}" for action in ("Read", "List", "Write")),
    "publish": tuple(f"{action}:{PUBLIC_BUCKET}" for action in ("Read", "List", "Write")),
    "consumer": (f"Read:{PUBLIC_BUCKET}", f"List:{PUBLIC_BUCKET}"),
    "downstream": tuple(f"{action}:{DOWNSTREAM_BUCKET}" for action in ("Read", "List", "Write")),
}


@dataclass(frozen=True)
class Identity:
    """Who may ask the server for something, and the keys that prove it."""

    name: str
    access_key: str
    secret_key: str


def load_or_create_identities(path: Path) -> dict[str, Identity]:
    """The identities of an earlier start, or new ones, which are then kept for the next start."""
    if path.exists():
        stored = json.loads(path.read_text(encoding="utf-8"))
        return {name: Identity(name, **keys) for name, keys in stored.items()}
    identities = {
        name: Identity(name, secrets.token_hex(10).upper(), secrets.token_urlsafe(30))
        for name in ACTIONS
    }
    document = {
        name: {"access_key": identity.access_key, "secret_key": identity.secret_key}
        for name, identity in identities.items()
    }
    write_private(path, document)
    return identities


def identities_document(identities: dict[str, Identity]) -> dict[str, Any]:
    """The identities as SeaweedFS reads them."""
    return {
        "identities": [
            {
                "name": name,
                "credentials": [
                    {
                        "accessKey": identities[name].access_key,
                        "secretKey": identities[name].secret_key,
                    }
                ],
                "actions": list(actions),
            }
            for name, actions in ACTIONS.items()
        ]
    }


def write_private(path: Path, document: dict[str, Any]) -> None:
    """Write JSON that only the owner may read, from the file's first byte on."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=2)
