"""Brings measurements in: one file per source, listed in `ingest.registry`."""
