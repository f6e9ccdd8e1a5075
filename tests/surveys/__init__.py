"""A second survey, invented: what holds for ENOE alone shows up here."""
