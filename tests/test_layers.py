"""Dependencies point one way: headroom > dashboard > {ingest, models} > data."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT: dict[str, set[str]] = {
    "data": set(),
    "ingest": {"data"},
    "models": {"data"},
    "dashboard": {"data", "models"},
    "headroom": {"data", "ingest", "models", "dashboard"},
}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_point_downwards(package: str) -> None:
    files = list((ROOT / package).rglob("*.py"))
    assert files, f"package {package} has no modules"
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                continue
            used = {name.split(".")[0] for name in names} & MAY_IMPORT.keys()
            assert used <= MAY_IMPORT[package] | {package}, (
                f"{file.relative_to(ROOT)}:{node.lineno} imports {sorted(used)}"
            )


def test_models_read_no_file_and_no_clock() -> None:
    for file in (ROOT / "models").rglob("*.py"):
        tree = ast.parse(file.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"}:
                raise AssertionError(f"{file.relative_to(ROOT)}:{node.lineno} reads the clock")
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open":
                raise AssertionError(f"{file.relative_to(ROOT)}:{node.lineno} opens a file")
