"""Every page, in the order of the rail. Adding one is one file and one line."""

from __future__ import annotations

from dashboard.page import Page
from dashboard.pages import (
    accuracy,
    costs,
    health,
    overview,
    provisioning,
    replay,
    resource,
    resources,
    runway,
    service,
    services,
    whatif,
)

PAGES: tuple[Page, ...] = (
    overview.PAGE,
    services.PAGE,
    service.PAGE,
    resources.PAGE,
    resource.PAGE,
    provisioning.PAGE,
    runway.PAGE,
    costs.PAGE,
    whatif.PAGE,
    accuracy.PAGE,
    replay.PAGE,
    health.PAGE,
)
