"""Disclose: attack the synthetic table as an outsider would, and say whether it may go out.

`audit.py` brings in its compiler when it is imported: what only reads a verdict does not import it.
"""

from include.espejo.disclose.gates import Audit, Gate
from include.espejo.disclose.verdict import across_periods

__all__ = ["Audit", "Gate", "across_periods"]
