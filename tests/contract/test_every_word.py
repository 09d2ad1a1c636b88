"""What holds for every code that people read: it has a word wherever such a table exists."""

from __future__ import annotations

import pytest

from dashboard import text
from dashboard.palette import PALETTES
from dashboard.texts import FORM_WORDS
from dashboard.together import KIND_WORDS
from data.alternative import AlternativeKind
from data.decision import Action, Status
from data.exhaustion import ExhaustionState
from data.series import Driver, Metric
from models.actions import ACTIONS
from models.sizing import POLICIES
from models.texts.wording import CHANGE_WORDS, change_in_words

BASELINES = {"percentile"}
"""Policies that are no product's: their name is their word."""

TABLES = {
    "actions of the dashboard": (text.ACTION_WORDS, Action),
    "actions of texts and the command line": (CHANGE_WORDS, Action),
    "statuses of the dashboard": (text.STATUS_WORDS, Status),
    **{f"colours of statuses, {name}": (palette.status, Status) for name, palette in PALETTES.items()},
    "states of exhaustion": (text.EXHAUSTION_WORDS, ExhaustionState),
    "kinds of alternatives": (KIND_WORDS, AlternativeKind),
    "metrics and drivers": (text.METRIC_WORDS, [*Metric, *Driver]),
    "policies": (text.POLICY_WORDS, set(POLICIES) - BASELINES),
    "forms of texts": (FORM_WORDS, ACTIONS),
}


@pytest.mark.parametrize("table", TABLES)
def test_every_code_has_a_word(table: str) -> None:
    words, codes = TABLES[table]
    assert {str(code) for code in codes} == {str(code) for code in words}
    assert all(word.strip() and "_" not in word for word in words.values())


@pytest.mark.parametrize("action", Action)
def test_every_action_is_said_with_its_size(action: Action) -> None:
    said = change_in_words(action, "4 cores")
    assert said.startswith(CHANGE_WORDS[action]) and "_" not in said
    assert ("4 cores" in said) == (action is not Action.STOP)
