"""Attacks: what an outsider would try on the released table."""
