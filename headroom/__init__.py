"""The composition root: settings, command line, jobs, demo."""

__version__ = "0.1.0"
