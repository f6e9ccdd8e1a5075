"""Engines: what learns a table and draws new rows, behind one small interface.

An engine knows columns and kinds, no survey. `make_engine` is the only place that lists them.
"""

from include.espejo.errors import ParameterError
from include.espejo.synthesis.interface.engine import Engine

__all__ = ["Engine", "make_engine"]


def make_engine(name: str) -> Engine:
    """The engine of that name. Raises ParameterError on an unknown one."""
    if name == "ctgan":
        from include.espejo.synthesis.ctgan.engine import CtganEngine

        return CtganEngine()
    if name == "sdv":
        from include.espejo.synthesis.sdv.engine import SdvEngine

        return SdvEngine()
    raise ParameterError(f"engine {name!r}: unknown; the engines are: ctgan, sdv")
