"""Colours of charts in the two themes; `assets/style.css` has the same for everything else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Palette:
    """Ink on paper, one accent, five states. State colours are told apart by colour-blind eyes."""

    name: str
    """`light` or `dark`."""
    ink: str
    muted: str
    line: str
    paper: str
    accent: str
    """The forecast at 0.5, and whatever is selected."""
    ink_band: str
    """Mean to peak of what was measured."""
    outer_band: str
    """0.05 to 0.95 of the forecast."""
    inner_band: str
    """0.25 to 0.75 of the forecast."""
    status: Mapping[str, str]
    shades: tuple[str, ...]
    """For stacked parts of a whole, darkest first."""


LIGHT = Palette(
    name="light",
    ink="#1b1c1e",
    muted="#5d6066",
    line="#dcdad4",
    paper="#fdfcfa",
    accent="#1d5bbf",
    ink_band="rgba(27,28,30,0.13)",
    outer_band="rgba(29,91,191,0.13)",
    inner_band="rgba(29,91,191,0.22)",
    status={
        "under_provisioned": "#c8470a",
        "at_risk": "#d98a00",
        "right_sized": "#8b8e94",
        "over_provisioned": "#0a6fb3",
        "idle": "#5fb2e6",
        "unknown": "#9a9ca1",
    },
    shades=("#1d5bbf", "#5f8bd3", "#9cb8e4", "#c9d8f0"),
)

DARK = Palette(
    name="dark",
    ink="#e9e6e0",
    muted="#a3a5aa",
    line="#35383d",
    paper="#17191c",
    accent="#82aefc",
    ink_band="rgba(233,230,224,0.16)",
    outer_band="rgba(130,174,252,0.15)",
    inner_band="rgba(130,174,252,0.25)",
    status={
        "under_provisioned": "#f0713a",
        "at_risk": "#eba32b",
        "right_sized": "#85888e",
        "over_provisioned": "#3f9fdd",
        "idle": "#8fcdf3",
        "unknown": "#7d8086",
    },
    shades=("#82aefc", "#5a85d0", "#3f629f", "#2c4470"),
)

PALETTES: Mapping[str, Palette] = {palette.name: palette for palette in (LIGHT, DARK)}
