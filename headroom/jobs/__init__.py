"""The steps of a run, in order: ingest, forecast, decide, publish. Each leaves a row in `runs`."""
