"""utility.json: all that is measured of a synthetic table beside SDMetrics' scores."""

from __future__ import annotations

from include.espejo.evaluate.general.document import GeneralUtility
from include.espejo.evaluate.specific.document import SpecificUtility
from include.espejo.lake.publication import FigureDocument


class Utility(FigureDocument):
    """Snoke et al. (2018), JRSS A 181(3): general and specific utility."""

    general: GeneralUtility
    specific: SpecificUtility
