"""Disclose: attack the synthetic table as an outsider would, and say whether it may go out."""

from include.espejo.disclose.audit import audit
from include.espejo.disclose.gates import Audit, Gate
from include.espejo.disclose.verdict import across_periods

__all__ = ["Audit", "Gate", "across_periods", "audit"]
