"""Report: the files of a release, assembled as a candidate in the restricted area."""

from include.espejo.report.candidate import build_candidate
from include.espejo.report.drawings.pictures import require_browser
from include.espejo.report.internal import internal_page
from include.espejo.report.public import public_figures

__all__ = ["build_candidate", "internal_page", "public_figures", "require_browser"]
