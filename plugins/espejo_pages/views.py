"""What the pages are told of a release: of its documents only what they show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from include.espejo.lake.keys import MANIFEST
from include.espejo.releases.catalog import Check, Release
from include.espejo.report.page.texts import USES, gate_subject, gate_text

Answer = dict[str, Any]  # to a page, as JSON; what of it is shown, the page's script says


def summary(release: Release) -> Answer:
    """A release in the list of all."""
    manifest = release.manifest
    gates = [gate for gate in manifest.gates if gate.applicable] if manifest else []
    return {
        "period": release.period,
        "name": release.name,
        "current": release.current,
        "withdrawn": release.withdrawn,
        "reason": release.reason,
        "readable": manifest is not None,
        "created": manifest.created if manifest else None,
        "rows": manifest.rows if manifest else None,
        "gates": len(gates),
        "failed": [gate_name(gate.name) for gate in gates if not gate.passed],
        "override": manifest.override.reason if manifest and manifest.override else None,
        "fit_for": uses_of(manifest.fit_for if manifest else {}),
        "scores": release.scores,
        "ceilings": release.ceilings,
    }


def about(release: Release) -> Answer:
    """A release on its own page."""
    manifest = release.manifest
    gates = manifest.gates if manifest else ()
    files = manifest.files if manifest else ()
    listed = [{"name": f.name, "size": f.size, "sha256": f.sha256} for f in files]
    return summary(release) | {
        "every_gate": [
            {**gate_name(gate.name), "applicable": gate.applicable, "passed": gate.passed}
            for gate in gates
        ],
        "files": [*listed, {"name": MANIFEST, "size": None, "sha256": None}] if manifest else [],
    }


def check_of(check: Check) -> Answer:
    """What a check found."""
    return {"vouched": check.vouched, "changes": [vars(change) for change in check.changes]}


def uses_of(fit_for: Mapping[str, str]) -> list[Answer]:
    """What a table is fit for: each use by its own name, as readers know it, and the answer."""
    return [
        {"use": use, "label": USES[use].model_dump() if use in USES else None, "answer": answer}
        for use, answer in fit_for.items()
    ]


def gate_name(name: str) -> Answer:
    """A gate as readers know it, and its own name."""
    label, _ = gate_text(name)
    subject = gate_subject(name)
    said = {
        lang: f"{text} ({subject})" if subject else text
        for lang, text in (("es", label.es), ("en", label.en))
    }
    return {"gate": name, "label": said}
