"""The journal of a survey's releases: what each publication and withdrawal changed for readers."""

from include.espejo.changes.journal import record_publication, record_withdrawal

__all__ = ["record_publication", "record_withdrawal"]
