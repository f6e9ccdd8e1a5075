"""One reader for each format of `source.format`; each gives a `RawTable`."""
