"""Relations for what-if: how demand follows its driver, learned from the stored days."""

from __future__ import annotations

import numpy as np

from data.panel import Panel
from data.series import Driver, Metric
from headroom.jobs.forecast import service_of
from headroom.jobs.run import Run
from models.elasticity import Elasticity
from models.relation_frames import called, relation_rows
from models.relations import learn_relations
from models.services import aggregate


def learn(run: Run) -> int:
    """Learns the relations and replaces the table; returns how many were found.

    Daily means, not peaks: a peak is one moment, and its noise hides what the driver does.
    """
    with run.steps.step("Learn what drives demand"), run.record("relations") as report:
        days = run.store.panel("day", statistic="mean")
        owner = service_of(run)
        resources = _by_metric(days, {str(metric) for metric in Metric})
        drivers = _by_metric(days, {str(driver) for driver in Driver})
        held = np.array([key.metric in set(Metric) for key in days.keys], bool)
        services = _by_metric(aggregate(days.take(held), owner).panel, {str(metric) for metric in Metric})
        relations = learn_relations(
            services,
            drivers,
            called(run.store.frame("dependencies_now")),
            resources=resources,
            service_of=owner,
        )
        reported = {
            (key.subject, metric)
            for metric, panel in (*drivers.items(), *services.items())
            for key in panel.keys
        }
        measured_by = {
            service: next(
                str(measure)
                for measure in (Driver.REQUESTS, Driver.USERS, Metric.CPU)
                if (service, str(measure)) in reported
            )
            for service in relations.loads
        }
        run.store.replace("relations", relation_rows(relations, measured_by))
        report.rows_read = len(days)
        answers = (*relations.own.values(), *relations.links.values())
        return sum(isinstance(answer, Elasticity) for answer in answers)


def _by_metric(panel: Panel, wanted: set[str]) -> dict[str, Panel]:
    metrics = np.array([key.metric for key in panel.keys], dtype=object)
    return {name: panel.take(metrics == name) for name in sorted(wanted) if (metrics == name).any()}
