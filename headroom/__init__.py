"""The composition root: settings, command line, jobs, demo."""
