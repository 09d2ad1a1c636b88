"""Relations survive the table they are stored in."""

from __future__ import annotations

import polars as pl

from data.outcome import Refusal
from models.elasticity import Elasticity, Form
from models.relation_frames import RELATION_SCHEMA, called, relation_rows, relations_of
from models.relations import Relations

FOUND = Elasticity(Form.LINEAR, 0.8, 0.7, 0.9, 0.6, 0.5, 300, 1.4)
NOT = Refusal("the driver hardly moved: nothing can be learned from it")
DEPENDS = pl.DataFrame({"service": ["web", "web", "app"], "depends_on": ["db", "app", "db"]})


def test_relations_come_back_as_they_were() -> None:
    relations = Relations(
        own={("web", "cpu"): FOUND, ("web", "memory"): NOT, ("web-1", "cpu"): FOUND, ("db", "cpu"): NOT},
        members={"web": ("web-1",)},
        links={("web", "app"): FOUND, ("web", "db"): NOT, ("app", "db"): NOT},
        loads={"web": 120.0, "db": 3.5},
        depends_on={"app": ("db",), "web": ("app", "db")},
    )
    rows = relation_rows(relations, {"web": "users", "db": "cpu"})
    assert dict(rows.schema) == RELATION_SCHEMA
    assert relations_of(rows, DEPENDS) == relations
    loads = rows.filter(pl.col("kind") == "load").select("subject", "of", "load")
    assert loads.rows() == [("db", "cpu", 3.5), ("web", "users", 120.0)]
    assert rows.filter(pl.col("form").is_null() & (pl.col("kind") != "load"))["refusal"].null_count() == 0


def test_nothing_learned_is_an_empty_table() -> None:
    rows = relation_rows(Relations(), {})
    assert rows.is_empty() and dict(rows.schema) == RELATION_SCHEMA
    assert relations_of(rows, DEPENDS).depends_on == called(DEPENDS) == {"app": ("db",), "web": ("app", "db")}
