"""The rows of the small estate: what there is, what was found, and what is recommended."""

from __future__ import annotations

# fmt: off

SERVICES = [
    ("orders-db", "data", "Ada", 1, "Orders of the shop"),
    ("web", "shop", "Ben", 1, "The shop's pages"),
    ("batch", "data", "Ada", 3, "Nightly jobs"),
    ("edge", "network", "Cy", 2, "Links between sites"),
]

# resource, kind, service, provider, site, instance type, status, severity, reasons, because, cost, unused
RESOURCES = [
    ("orders-db-1", "database", "orders-db", "on_premises", "fra-1", None, "under_provisioned", 3,
     "storage:exhausts_soon", "storage reaches 2,000 GiB on 27 December", 2400, 0),
    ("orders-db-2", "database", "orders-db", "on_premises", "fra-1", None, "right_sized", 0, "",
     "peaks stay under usable capacity and above half of it", 2400, 0),
    ("web-1", "vm", "web", "aws", "eu-central-1", "m7i.2xlarge", "over_provisioned", 1, "cpu:p95_below_half",
     "p95 is 1.3 of 8 cores", 340, 170),
    ("web-2", "vm", "web", "aws", "eu-central-1", "m7i.2xlarge", "over_provisioned", 1, "cpu:p95_below_half",
     "p95 is 1.4 of 8 cores", 340, 170),
    ("web-3", "vm", "web", "aws", "eu-central-1", "m7i.large", "at_risk", 2, "cpu:may_exhaust",
     "24 % chance to reach usable capacity within 90 days", 85, 0),
    ("batch-1", "vm", "batch", "azure", "westeurope", "D4s_v5", "idle", 1, "cpu:no_demand",
     "no hour above 1 % of capacity in 28 days", 160, 160),
    ("batch-2", "vm", "batch", "azure", "westeurope", "D4s_v5", "unknown", 1, "cpu:short_history",
     "not enough history (9 of 14 days)", 160, None),
    ("link-fra-ams", "link", "edge", "on_premises", "fra-1", None, "at_risk", 2, "network_out:may_exhaust",
     "56 % chance to reach usable capacity within 90 days", 900, 0),
    ("lost-1", "vm", None, "azure", "westeurope", None, "unknown", 1, "cpu:silent",
     "silent for 12 days", None, None),
    ("=cmd|evil'", "vm", None, None, None, None, "right_sized", 0, "", "peaks fit", 12, 0),
]

# resource, metric, capacity, mean level, growth per day, status
SERIES = [
    ("orders-db-1", "cpu", 16, 7.0, 0.0, "right_sized"),
    ("orders-db-1", "storage", 2000, 900.0, 3.0, "under_provisioned"),
    ("orders-db-2", "cpu", 16, 6.5, 0.0, "right_sized"),
    ("orders-db-2", "storage", 4000, 1000.0, 1.0, "right_sized"),
    ("web-1", "cpu", 8, 0.9, 0.0, "over_provisioned"),
    ("web-2", "cpu", 8, 1.0, 0.0, "over_provisioned"),
    ("web-3", "cpu", 2, 1.1, 0.001, "at_risk"),
    ("web-1", "memory", 32, 14.0, 0.0, "right_sized"),
    ("batch-1", "cpu", 4, 0.01, 0.0, "idle"),
    ("batch-2", "cpu", 4, 1.0, 0.0, "unknown"),
    ("link-fra-ams", "network_out", 10_000, 5200.0, 6.0, "at_risk"),
    ("lost-1", "cpu", 2, 0.5, 0.0, "unknown"),
    ("=cmd|evil'", "cpu", 2, 1.0, 0.0, "right_sized"),
]

# scope, subject, metric, state, capacity, usable, demand, p28, p90, p365, low, mid, high (days), lead days
EXHAUSTION = [
    ("resource", "orders-db-1", "storage", "dated", 2000, 1800, 1797, 0.42, 0.86, 0.99, 12, 37, 80, 20),
    ("service", "orders-db", "storage", "dated", 6000, 5400, 3097, 0.05, 0.31, 0.55, 60, 300, None, 20),
    ("service", "orders-db", "cpu", "not_within_horizon", 32, 27.2, 15.0, 0, 0, 0.01, None, None, None, 20),
    ("resource", "web-3", "cpu", "not_before", 2, 1.7, 1.4, 0.06, 0.24, 0.48, 150, None, None, 1),
    ("service", "web", "cpu", "not_within_horizon", 18, 15.3, 3.4, 0.0, 0.0, 0.01, None, None, None, 1),
    ("resource", "link-fra-ams", "network_out", "dated", 10000, 8500, 7900, 0.2, 0.56, 0.9, 20, 85, 200, 60),
    ("service", "edge", "network_out", "dated", 10000, 8500, 7900, 0.2, 0.56, 0.9, 20, 85, 200, 60),
    ("resource", "batch-2", "cpu", "not_enough_history", 4, 3.4, 1.0, None, None, None, None, None, None, 1),
]

# resource, action, from, to, now, then, breach now, breach then, confidence, because
RECOMMENDATIONS = [
    ("orders-db-1", "buy", "2,000 GiB", "2,900 GiB", 2400, 2890, 0.4, 0.004, "high",
     "storage grows 3 GiB a day; 2,900 GiB last a year"),
    ("web-1", "resize_type", "8 cores, 32 GiB", "4 cores, 16 GiB", 340, 170, 0.0, 0.002, "high",
     "peaks at 1.9 cores and 15 GiB over 60 days"),
    ("web-2", "resize_type", "8 cores, 32 GiB", "4 cores, 16 GiB", 340, 170, 0.0, 0.002, "medium",
     "peaks at 2.1 cores over 60 days"),
    ("web-3", "resize_type", "2 cores, 8 GiB", "4 cores, 16 GiB", 85, 170, 0.03, 0.0, "medium",
     "peaks at 1.9 of 2 cores"),
    ("batch-1", "stop", "4 cores, 16 GiB", "nothing", 160, 0, 0.0, 0.0, "high", "no demand in 28 days"),
    ("link-fra-ams", "keep", "10 Gbit/s", "10 Gbit/s", 900, 900, 0.01, 0.01, "low", "it fits for now"),
]
