"""The services of the sample fleet: who owns them, how important they are, what they depend on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SampleService:
    """One service of the sample fleet."""

    name: str
    team: str
    owner: str
    tier: int
    """1 = most important … 3."""
    profile: str
    """Which week its demand follows, a name in `shapes.PROFILES`."""
    depends_on: tuple[str, ...]
    """Names of services above it in `SERVICES`' reverse order: the graph has no cycle."""
    description: str
    requests: float = 0.0
    """Busy-hour requests/s of a service customers use; 0 = not reported."""
    users: float = 0.0
    """Busy-hour users online; 0 = not reported."""
    month_end: float = 0.0
    """Extra demand on the last two days of a month and the first, as a share."""
    yearly: float = 0.0
    """Extra demand in the weeks before the end of the year, as a share."""


def _service(
    name: str,
    team: str,
    owner: str,
    tier: int,
    profile: str,
    depends_on: str,
    description: str,
    **shape: float,
) -> SampleService:
    return SampleService(name, team, owner, tier, profile, tuple(depends_on.split()), description, **shape)


SERVICES: tuple[SampleService, ...] = (
    _service(
        "checkout", "shop", "Mara Lindqvist", 1, "consumer", "orders payments fraud identity",
        "basket and purchase", requests=420, users=1900, yearly=0.15,
    ),
    _service(
        "storefront", "shop", "Mara Lindqvist", 1, "consumer", "catalog search pricing content identity",
        "the web shop", requests=2600, users=9400, yearly=0.15,
    ),
    _service(
        "orders", "order-flow", "Tomás Ferreira", 1, "consumer", "orders-db warehouse messaging",
        "orders from purchase to parcel", requests=310,
    ),
    _service("orders-db", "databases", "Ingrid Solheim", 1, "consumer", "backup", "order records"),
    _service("search", "discovery", "Kenji Arai", 1, "consumer", "catalog", "product search", requests=1500),
    _service(
        "wan", "network", "Petra Novak", 1, "business", "dns",
        "links between sites and to the internet",
    ),
    _service(
        "billing", "finance-systems", "Olu Adeyemi", 1, "business", "billing-db ledger messaging",
        "invoices to business customers", month_end=0.22,
    ),
    _service(
        "virtual-desktops", "workplace", "Ana Ruiz", 2, "office", "identity file-shares",
        "desktops for call centres and contractors",
    ),
    _service("workplace", "workplace", "Ana Ruiz", 3, "office", "identity mail", "laptops and workstations"),
    _service("data-lake", "data-platform", "Wei Zhang", 2, "batch", "backup", "files for analysis"),
    _service(
        "payments", "payments", "Samira Haddad", 1, "consumer", "ledger fraud messaging",
        "cards and transfers", requests=260,
    ),
    _service("catalog", "discovery", "Kenji Arai", 1, "consumer", "catalog-db", "products", requests=1900),
    _service("catalog-db", "databases", "Ingrid Solheim", 2, "consumer", "backup", "product records"),
    _service("billing-db", "databases", "Ingrid Solheim", 1, "business", "backup", "billing records"),
    _service(
        "mobile-api", "mobile", "Jonas Weber", 1, "consumer", "accounts catalog orders",
        "interface of the apps", requests=1700, users=6200,
    ),
    _service("monitoring", "platform", "Dana Kovač", 2, "steady", "messaging", "metrics and alarms"),
    _service(
        "accounts", "mobile", "Jonas Weber", 1, "consumer", "identity accounts-db",
        "profiles", requests=640,
    ),
    _service("accounts-db", "databases", "Ingrid Solheim", 1, "consumer", "backup", "customer records"),
    _service("analytics", "data-platform", "Wei Zhang", 3, "business", "data-lake", "queries and boards"),
    _service(
        "pricing", "discovery", "Kenji Arai", 2, "consumer", "catalog-db messaging",
        "prices and offers",
    ),
    _service("inventory", "logistics", "Bruno Keller", 2, "business", "messaging", "stock by warehouse"),
    _service(
        "warehouse", "logistics", "Bruno Keller", 1, "business", "inventory messaging",
        "picking and packing",
    ),
    _service(
        "shipping", "logistics", "Bruno Keller", 2, "business", "warehouse messaging",
        "labels and parcels",
    ),
    _service(
        "partner-api", "order-flow", "Tomás Ferreira", 2, "business", "orders identity",
        "orders of resellers", requests=150,
    ),
    _service(
        "recommendations", "discovery", "Kenji Arai", 3, "consumer", "catalog ml-platform",
        "what else you may like", requests=900,
    ),
    _service(
        "ml-platform", "data-platform", "Wei Zhang", 3, "batch", "data-lake",
        "training and serving of models",
    ),
    _service(
        "fraud", "payments", "Samira Haddad", 1, "consumer", "messaging",
        "risk of a purchase", requests=270,
    ),
    _service(
        "content", "shop", "Mara Lindqvist", 2, "consumer", "messaging",
        "pictures and texts", requests=2200,
    ),
    _service(
        "loyalty", "shop", "Mara Lindqvist", 3, "consumer", "accounts-db",
        "points", requests=90, users=700,
    ),
    _service(
        "support-portal", "customer-care", "Leïla Benali", 2, "business", "identity messaging",
        "tickets of customers", requests=60, users=340,
    ),
    _service(
        "ledger", "finance-systems", "Olu Adeyemi", 1, "business", "billing-db",
        "the books", month_end=0.18,
    ),
    _service("payroll", "finance-systems", "Olu Adeyemi", 2, "business", "identity", "wages", month_end=0.25),
    _service(
        "reporting", "finance-systems", "Olu Adeyemi", 3, "batch", "data-lake",
        "nightly reports", month_end=0.2,
    ),
    _service("ci", "platform", "Dana Kovač", 3, "business", "identity", "builds and tests"),
    _service("logging", "platform", "Dana Kovač", 2, "steady", "backup", "logs and their search"),
    _service("messaging", "platform", "Dana Kovač", 1, "consumer", "dns", "queues between services"),
    _service("file-shares", "workplace", "Ana Ruiz", 2, "office", "backup", "home and team folders"),
    _service("mail", "workplace", "Ana Ruiz", 2, "office", "identity", "mail and calendar"),
    _service(
        "identity", "security", "Noor Rahman", 1, "business", "dns",
        "sign-in for people and services", requests=380,
    ),
    _service("backup", "platform", "Dana Kovač", 2, "batch", "", "copies and restores"),
    _service("dns", "network", "Petra Novak", 1, "steady", "", "names and addresses"),
)  # fmt: skip
"""All services; smaller fleets take the first ones, so the first ones cover every kind of resource."""


def services(count: int) -> tuple[SampleService, ...]:
    """The first `count` services, depending only on each other."""
    chosen = SERVICES[: max(1, min(count, len(SERVICES)))]
    names = {service.name for service in chosen}
    return tuple(
        SampleService(
            **{
                **{field: getattr(service, field) for field in SampleService.__slots__},
                "depends_on": tuple(name for name in service.depends_on if name in names),
            }
        )
        for service in chosen
    )
