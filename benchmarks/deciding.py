"""How long it takes to conclude: findings, recommendations, alternatives, costs, plan of a large fleet.

    python -m benchmarks decide                     10,000 resources
    python -m benchmarks decide --resources 1000

A fleet is made by rule: a third machines of a cloud, a third machines on premises, the rest servers,
databases, workloads and volumes, half of them in pools; most of the right size, others too big, too small or
idle; 28 days of hours and 200 days. It is loaded and rolled up, then read as `headroom decide` reads it. Time
is CPU time of this process; what is compared is the ratio of concluding to reading its inputs from the store.
Sizes of the policy are measured by `benchmarks.sizing`; here every series gets the 99 % quantile of a week.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl

from data.decision import Size
from data.frames import RESOURCE_SCHEMA, SERVICE_SCHEMA, Batch, Inventory
from data.outcome import Refusal
from data.panel import Panel
from data.series import UNITS, Metric, Window
from data.store import Store
from models.decide import DecisionInputs, decide
from models.proposals import plan_of

DAYS, RECENT = 200, 28
END = datetime(2026, 11, 1, tzinfo=UTC)
CLOUD = (("aws", "eu-west-1", "m6i.2xlarge"), ("azure", "westeurope", "Standard_D8s_v5"))


def fleet(count: int) -> pl.DataFrame:
    """The inventory: pools of 2 to 12 members, 40 resources to a service."""
    rows = []
    for i in range(count):
        provider, site, kind_of = CLOUD[i // 10 % 2] if i % 3 == 0 else ("on_premises", f"site-{i % 4}", None)
        kind = ("vm", "vm", ("server", "database", "workload", "volume")[i // 3 % 4])[i % 3]
        if kind in {"workload"}:
            provider = "kubernetes"
        rows.append(
            {
                "resource": f"{kind}-{i // 40}-{i:05d}",
                "kind": kind,
                "service": f"service-{i // 40:04d}",
                "provider": provider,
                "site": site,
                "instance_type": kind_of if kind == "vm" else None,
                "monthly_price": Decimal(300) if i % 50 == 0 else None,
                "currency": "USD" if i % 50 == 0 else None,
                "labels": f'{{"pool": "p{i // 12}", "replicas": "{1 + i % 5}"}}' if i % 2 else None,
            }
        )
    return pl.DataFrame(rows, schema=RESOURCE_SCHEMA)


def samples(names: Sequence[str], kinds: Sequence[str]) -> list[tuple[str, pl.DataFrame]]:
    """Metric -> hours of the last weeks and one sample a day before that."""
    rng = np.random.default_rng(1)
    hours = np.arange(RECENT * 24)
    moments = [END - timedelta(days=d) for d in range(DAYS, RECENT, -1)]
    moments += [END - timedelta(days=RECENT) + timedelta(hours=int(h)) for h in hours]
    wave = 0.75 + 0.25 * np.sin(2 * np.pi * hours / 24)
    shape = np.r_[np.ones(DAYS - RECENT), wave]
    level = rng.choice(
        [0.005, 0.2, 0.4, 0.5, 0.6, 0.7, 0.98], len(names), p=[0.05, 0.15, 0.2, 0.2, 0.2, 0.15, 0.05]
    )
    frames = []
    for metric, capacity in ((Metric.CPU, 8.0), (Metric.MEMORY, 32.0), (Metric.STORAGE, 1000.0)):
        rows = [i for i, kind in enumerate(kinds) if (kind == "volume") == (metric is Metric.STORAGE)]
        noise = rng.uniform(0.97, 1.0, (len(rows), len(moments)))
        values = (level[rows][:, None] * shape * noise * capacity).round(3)
        frames.append(
            (
                str(metric),
                pl.DataFrame(
                    {
                        "ts": pl.Series(moments * len(rows), dtype=pl.Datetime("us", "UTC")),
                        "resource": np.repeat([names[i] for i in rows], len(moments)),
                        "metric": str(metric),
                        "value": values.ravel(),
                        "value_max": values.ravel(),
                        "capacity": capacity,
                        "unit": UNITS[metric],
                    }
                ),
            )
        )
    return frames


def sized(panel: Panel) -> list[Size | Refusal]:
    """The 99 % quantile of every series: something to read, at no cost."""
    tops = np.nanquantile(panel.demand[:, -24 * 7 :], 0.99, axis=1)
    return [Size(0.9 * top, float(top), 1.2 * top, "p99 of a week") for top in tops]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resources", type=int, default=10_000)
    count = parser.parse_args().resources
    resources = fleet(count)
    services = pl.DataFrame(
        [{"service": name, "tier": 1 + i % 3} for i, name in enumerate(sorted(set(resources["service"])))],
        schema=SERVICE_SCHEMA,
    )
    folder = Path(tempfile.mkdtemp(prefix="headroom-bench-"))
    try:
        with Store.open(folder / "store.duckdb") as store:
            known = Inventory(resources=resources, services=services)
            store.record_inventory(known, run_id="bench", source="rule", now=END)
            for metric, frame in samples(resources["resource"].to_list(), resources["kind"].to_list()):
                store.load(Batch(frame), run_id="bench", source=metric, now=END)
            store.refresh_rollups()
            _measure(store, count)
    finally:
        shutil.rmtree(folder)
    return 0


def _measure(store: Store, count: int) -> None:
    started = time.process_time()
    hourly = store.panel("hour", window=Window(END - timedelta(days=RECENT), END))
    daily = store.panel("day", window=Window(END - timedelta(days=DAYS), END), statistic="max")
    inventory, versions = store.frame("services_now"), store.frame("resource_versions")
    read = time.process_time() - started
    by_hour, by_day = _by_metric(hourly), _by_metric(daily)
    sizes = {metric: sized(panel) for metric, panel in by_hour.items()}
    started = time.process_time()
    inputs = DecisionInputs(
        hourly.end, by_hour, by_day, sizes=sizes, resources=versions, services=inventory, policy="p99"
    )
    decisions = decide(inputs)
    decided = time.process_time() - started
    started = time.process_time()
    frames = decisions.frames()
    framed = time.process_time() - started
    started = time.process_time()
    plan = plan_of(
        frames["recommendations"], frames["findings"], frames["resource_costs"], store.frame("resources_now"),
        inventory, {}, hourly.end.date(), alternatives=frames["alternatives"], risk_budget=500.0,
    )  # fmt: skip
    planned = time.process_time() - started
    status = dict(frames["findings"].group_by("status").len().sort("status").iter_rows())
    print(f"{count:,} resources, {len(hourly):,} series x {hourly.slots:,} hours, {daily.slots} days")
    print("findings: " + ", ".join(f"{name} {number:,}" for name, number in status.items()))
    proposed = len(plan.chosen) + len(plan.left_out)
    print(f"alternatives {len(decisions.alternatives):,}; plan {len(plan.chosen):,} of {proposed:,}")
    print(f"saved by the plan: {plan.saving:,.0f} of {plan.cost:,.0f} a month")
    print(f"{'':24}{'CPU s':>8}{'/ reading':>11}")
    for name, seconds in (
        ("reading its inputs", read),
        ("find, advise, price", decided),
        ("as tables", framed),
        ("plan", planned),
        ("all but reading", decided + framed + planned),
    ):
        print(f"{name:24}{seconds:8.2f}{seconds / read:11.2f}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


def _by_metric(panel: Panel) -> dict[str, Panel]:
    metrics = np.array([key.metric for key in panel.keys], dtype=object)
    return {
        str(metric): panel.take(metrics == str(metric)) for metric in Metric if (metrics == str(metric)).any()
    }


if __name__ == "__main__":
    sys.exit(main())
