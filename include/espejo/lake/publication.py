"""How the figures of a document may be published, declared beside the type of each field.

A declaration holds for all that is in the field, until a nearer one. A number without any is never
published: `report/public.py` refuses it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, TypeVar

from include.espejo.lake.document import Document, document_bytes


class PublishedAs(StrEnum):
    """What the public file holds of a figure."""

    ROUNDED = "rounded"  # two decimals
    WHOLE = "whole"  # no decimals, of a score from 0 to 1000
    AMOUNT = "amount"  # a multiple of what its column's spread allows
    DIFFERENCE = "difference"  # synthetic less real, as both are published
    EXACT = "exact"  # as it is: it says nothing of people
    RESTRICTED = "restricted"  # nothing


Told = TypeVar("Told")
Rounded = Annotated[Told, PublishedAs.ROUNDED]
Whole = Annotated[Told, PublishedAs.WHOLE]
Amount = Annotated[Told, PublishedAs.AMOUNT]
Difference = Annotated[Told, PublishedAs.DIFFERENCE]
Exact = Annotated[Told, PublishedAs.EXACT]
Restricted = Annotated[Told | None, PublishedAs.RESTRICTED]  # its default is None: not told


class FigureDocument(Document):
    """A document of figures. What was not set is not written: a release need not have it."""

    def to_json(self) -> bytes:
        return document_bytes(self.model_dump(mode="json", exclude_unset=True))
