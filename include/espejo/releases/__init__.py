"""Releases: what has been published: its documents, pointers, journal, catalogue and ledger."""
