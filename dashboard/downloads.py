"""Files to download, the tables behind the pages; and what the search knows."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import polars as pl
from flask import Flask, Response, abort, jsonify, request

from dashboard.files import FILES
from dashboard.pages import PAGES
from dashboard.published import Published
from dashboard.view import View, place_of
from data.errors import StoreUnavailable

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


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
    # A workbook has no time zones: the column says which one it is.
    moments = [
        column for column, kind in frame.schema.items() if isinstance(kind, pl.Datetime) and kind.time_zone
    ]
    frame = frame.with_columns(pl.col(moments).dt.convert_time_zone("UTC").dt.replace_time_zone(None)).rename(
        {column: f"{column} UTC" for column in moments}
    )
    frame.write_excel(file, worksheet=name, autofit=True, freeze_panes=(1, 0))
    return file.getvalue()
