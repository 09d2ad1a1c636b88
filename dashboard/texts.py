"""Changes as text to apply: files to download, and the text of one change to copy."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component
from flask import Flask, Response, abort, request

from dashboard.planning import changes_for
from dashboard.published import Published
from dashboard.verdicts import verdicts_in
from dashboard.view import View, place_of, within
from dashboard.widgets import Child, named
from data.errors import StoreUnavailable
from models.actions import ACTIONS
from models.changes import Change

FORM_WORDS = {
    "terraform": "Terraform variables",
    "kubernetes": "Kubernetes patches",
    "ansible": "Ansible variables",
    "plan": "Change plan",
}
"""In the order of ACTIONS."""


def add_texts(server: Flask, published: Published) -> None:
    """Adds `/download/apply/<form>`: the changes of a place, a service or a resource as a text file."""

    @server.get("/download/apply/<form>")
    def apply(form: str) -> Response:
        if form not in ACTIONS:
            abort(404)
        try:
            estate = published.estate()
            verdicts = verdicts_in(published.state)
        except StoreUnavailable as error:
            return Response(f"{error}\n", 503, mimetype="text/plain")
        query = request.args.to_dict()
        rows = within(estate.resources, place_of(query))
        for column in ("service", "resource"):
            if query.get(column):
                rows = rows.filter(rows[column] == query[column])
        names = set(rows["resource"].to_list())
        changes = [one for one in changes_for(estate, verdicts) if one.resource.name in names]
        file_name, write = ACTIONS[form]
        text = write(changes) or "# None of the changes is for this format.\n"
        return Response(
            text,
            mimetype="text/plain; charset=utf-8",
            headers={
                "Content-Disposition": f'attachment; filename="{file_name}"',
                "Cache-Control": "no-store",
            },
        )


def downloads(view: View, service: str = "") -> Component:
    """Links to the files of everything in this place."""
    parts: list[Child] = []
    for form, word in FORM_WORDS.items():
        href = view.link(f"/download/apply/{form}", service=service)
        parts += [" · ", html.A(word, href=href, download="")]
    return html.Span(["As text to apply: ", *parts[1:]], className="downloads")


def texts(*changes: Change) -> Component:
    """The texts of changes, each with a button that copies it. Headroom itself changes nothing."""
    made = [(form, text) for form, (_, write) in ACTIONS.items() if (text := write(list(changes)))]
    return html.Details(
        [
            html.Summary("As text to apply"),
            html.P("Headroom itself changes nothing.", className="caption"),
            *(_text(form, text) for form, text in made),
        ],
        className="texts",
    )


def _text(form: str, text: str) -> Component:
    return html.Div(
        [
            html.Div(
                [
                    html.Strong(FORM_WORDS[form]),
                    html.Button(
                        "Copy",
                        type="button",
                        className="button quiet",
                        **named({"data-copies": f"text-{form}", "aria-label": f"Copy {FORM_WORDS[form]}"}),
                    ),
                ],
                className="text-head",
            ),
            html.Pre(
                html.Code(text),
                id=f"text-{form}",
                tabIndex=0,
                **named({"aria-label": FORM_WORDS[form], "role": "region"}),
            ),
        ]
    )
