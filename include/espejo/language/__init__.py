"""Texts for readers in English and Spanish: one catalogue of whole sentences.

English sentences stand in the code; `locale/es/LC_MESSAGES/espejo.po` has the Spanish of each, as
gettext does it. `make texts` brings the catalogue up to date, `make check` fails where a sentence
has no translation.
"""

from include.espejo.language.catalogue import message, text
from include.espejo.language.label import Label

__all__ = ["Label", "message", "text"]
