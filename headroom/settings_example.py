"""The commented settings file that `headroom init` writes, from the very fields of the settings."""

from __future__ import annotations

from pathlib import Path

from headroom.settings import Section, Settings

_EXAMPLE_TABLES = """\
# What there is and whose it is: CSV files with these columns; leave out what you do not have.
# [inventory]
# resources    = "inventory/resources.csv"     # resource, kind, service, provider, site, instance_type …
# services     = "inventory/services.csv"      # service, team, owner, tier
# dependencies = "inventory/dependencies.csv"  # service, depends_on
# capacities   = "inventory/capacities.csv"    # resource, metric, valid_from, capacity
# events       = "inventory/events.csv"        # ts, ends_at, subject, kind, description

# Where measurements come from: one table per source, any name. `headroom sources` lists the kinds.
# [source.servers]
# kind     = "files"
# paths    = ["metrics/*.csv"]
# time     = "time"        # the column with the time: ISO 8601 or an epoch
# resource = "host"        # the column with the name of the resource, and so on
# metric   = "metric"      # of cpu, memory, storage, network_in, network_out, requests, users
# value    = "value"
# unit     = "unit"

# What clouds bill, as FOCUS files (1.0 to 1.4): one table per set of files, any name.
# [bills.cloud]
# paths = ["bills/*.csv"]  # CSV or Parquet, also .gz and .zst
"""


def example() -> str:
    """The commented settings file that `headroom init` writes: every setting, its default, its unit."""
    lines = [
        "# Settings of Headroom. A line starting with '# ' shows a default; remove the '# ' to change it.",
        "",
    ]
    lines += [_EXAMPLE_TABLES.rstrip(), ""]
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if not (isinstance(kind, type) and issubclass(kind, Section)):
            continue
        lines += [f"# {kind.__doc__}", f"[{name}]"]
        default = kind()
        for key, inner in kind.model_fields.items():
            lines += [f"# {inner.description}.", f"# {key} = {_toml(getattr(default, key))}", ""]
    return "\n".join(lines).rstrip() + "\n"


def _toml(setting: object) -> str:
    match setting:
        case bool():
            return str(setting).lower()
        case int() | float():
            return repr(setting)
        case str() | Path():
            return f'"{setting}"'
        case tuple() | list():
            return f"[{', '.join(_toml(part) for part in setting)}]"
        case dict():
            return (
                "{ " + ", ".join(f"{key} = {_toml(part)}" for key, part in setting.items()) + " }"
                if setting
                else "{}"
            )
    raise TypeError(f"no TOML for {setting!r}")
