"""Files to download, the tables behind the pages; and what the search knows."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import polars as pl
from flask import Flask, Response, abort, jsonify, request

from dashboard.costs import GROUPS
from dashboard.pages import PAGES
from dashboard.pages.costs import money_table
from dashboard.proof import pick
from dashboard.published import Published
from dashboard.view import View, place_of
from data.errors import StoreUnavailable

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def costs_file(view: View, query: Mapping[str, str]) -> pl.DataFrame:
    """Costs by owner, as the page shows them."""
    return money_table(view, pick(query.get("by", ""), list(GROUPS), "service"))


def resources_file(view: View, query: Mapping[str, str]) -> pl.DataFrame:
    """Every resource with its finding, cost and recommendation; limited to a state, kind or service."""
    frame = view.resources
    for column in ("status", "kind", "service"):
        if query.get(column):
            frame = frame.filter(pl.col(column) == query[column])
    return frame


FILES: Mapping[str, Callable[[View, Mapping[str, str]], pl.DataFrame]] = {
    "costs": costs_file,
    "resources": resources_file,
}
"""What can be downloaded; each as `.csv` and `.xlsx`."""


def add_downloads(server: Flask, published: Published) -> None:
    """Adds `/download/<name>.<form>` and `/search.json`."""

    @server.get("/download/<name>.<form>")
    def download(name: str, form: str) -> Response:
        if name not in FILES or form not in ("csv", "xlsx"):
            abort(404)
        try:
            estate = published.estate()
        except StoreUnavailable as error:
            return Response(f"{error}\n", 503, mimetype="text/plain")
        query = request.args.to_dict()
        frame = FILES[name](View(estate, place_of(query), datetime.now(UTC)), query)
        made = _csv(frame) if form == "csv" else _xlsx(frame, name)
        stem = f"headroom-{name}-{estate.as_of:%Y-%m-%d}"
        return Response(
            made,
            mimetype="text/csv; charset=utf-8" if form == "csv" else XLSX,
            headers={
                "Content-Disposition": f'attachment; filename="{stem}.{form}"',
                "Cache-Control": "no-store",
            },
        )

    @server.get("/search.json")
    def search() -> Response:
        pages = [
            {"kind": "page", "name": page.title, "path": page.path, "words": ""}
            for page in PAGES
            if page.icon
        ]
        try:
            names = published.estate().names
        except StoreUnavailable:
            names = []
        response = jsonify(pages + names)
        response.headers["Cache-Control"] = "private, max-age=60"
        return response


def _csv(frame: pl.DataFrame) -> bytes:
    """CSV in which no cell is taken for a formula by a spreadsheet."""
    words = pl.col(pl.String)
    formula = words.str.contains(r"^[=+\-@\t\r]")
    safe = frame.with_columns(pl.when(formula).then(pl.lit("'") + words).otherwise(words).name.keep())
    return safe.write_csv().encode()


def _xlsx(frame: pl.DataFrame, name: str) -> bytes:
    file = io.BytesIO()
    frame.write_excel(file, worksheet=name, autofit=True, freeze_panes=(1, 0))
    return file.getvalue()
