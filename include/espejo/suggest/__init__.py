"""Suggest rules: pairs of values that no row has, in words that a spec takes.

A column's values become classes; the pairs of classes that are empty against all chance are
found; what rules say already, and what follows from it, is left out; the rest becomes few rules.
"""

from include.espejo.suggest.find import suggest
from include.espejo.suggest.merge import Suggested
from include.espejo.suggest.write import to_yaml

__all__ = ["Suggested", "suggest", "to_yaml"]
