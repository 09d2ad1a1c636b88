"""What became of advice is measured in the hours that count, as the advice was made."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from dashboard.estate import Estate
from dashboard.planning import progress_for
from data.choice import Choice, Verdict
from data.snapshot import Snapshot
from headroom.jobs.publish import publish
from headroom.settings import DecideSettings, ForecastSettings
from models.realised import Progress
from models.verdicts import Verdicts
from tests.hourly_run import MONDAY, hourly_run, inventory

DAYS = 28
CHANGED = MONDAY + timedelta(days=14)


@pytest.mark.parametrize(
    ("label", "zone", "too_small"),
    [
        ("", "UTC", 5 / 24),
        ("business", "UTC", 0.0),
        ("Mon-Sun 08-20", "America/Los_Angeles", 4 / 12),
        ("whenever", "UTC", 5 / 24),
    ],
)
def test_a_nightly_batch_is_no_shortage_after_a_resize(
    tmp_path: Path, label: str, zone: str, too_small: float
) -> None:
    """Full from 00:00 to 05:00 UTC, which is 16:00 to 21:00 in Los Angeles."""
    labels = f'{{"hours": "{label}"}}'
    demand = np.where(np.arange(24 * DAYS) % 24 < 5, 8.0, 1.0)
    known = inventory(
        [
            {"resource": "a", "instance_type": kind, "labels": labels, "valid_from": since}
            for kind, since in (("large", MONDAY), ("small", CHANGED))
        ]
    )
    with hourly_run(
        tmp_path,
        {("a", "cpu"): demand},
        known,
        decide=DecideSettings(business_hours="Mon-Fri 08-18"),
        forecast=ForecastSettings(zones={"*": zone}),
    ) as run:
        publish(run)
    choice = Choice(
        "a", Verdict.ACCEPT, "resize_type", CHANGED - timedelta(days=2), from_type="large", to_type="small"
    )
    with Snapshot.open(run.settings.published) as snapshot:
        (found,) = progress_for(Estate(snapshot), Verdicts.of([choice]))
    assert found.progress is Progress.APPLIED and found.since == CHANGED
    assert found.breach_after == pytest.approx(too_small)
