"""Report: the files of a release, assembled as a candidate in the restricted area."""
