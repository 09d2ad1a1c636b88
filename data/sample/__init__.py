"""A seeded, made-up hybrid estate with planted truths; see README.md in this folder."""

from __future__ import annotations

from data.sample.fleet import SampleFleet, Span, sample_fleet

__all__ = ["SampleFleet", "Span", "sample_fleet"]
