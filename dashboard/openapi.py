"""The API in OpenAPI 3.1, with the schemas of the types that the API encodes."""

from typing import Any, Final

import msgspec

from contract.events import MAX_ID_CHARS
from contract.schemas.descriptions import describe, structs_in
from contract.snapshots import Snapshot
from dashboard.answers import PROBLEM_TYPE, ProblemDetails
from dashboard.customers_api import CustomerAnswer
from dashboard.health_api import Health
from dashboard.path_parts import SequencePart
from dashboard.series import Stretch
from dashboard.snapshots_api import DEFAULT_LIMIT, MOST_SUMMARIES

Part = dict[str, Any]

ROOT: Final = "#/components/schemas/"
PROBLEMS: Final = {
    "400": "A parameter is wrong.",
    "401": "The access token is missing or wrong.",
    "404": "There is no such snapshot or customer.",
    "503": "It can't be answered now; try again after Retry-After seconds.",
}
TAG_HEADERS: Final[Part] = {
    "ETag": {
        "description": "Send it as If-None-Match, to get 304 if nothing has changed.",
        "schema": {"type": "string"},
    }
}
SEQUENCE: Final[Part] = {
    "name": "sequence",
    "in": "path",
    "required": True,
    "description": "The snapshot's number.",
    "schema": {"type": "integer", "minimum": 0, "maximum": 10**15 - 1},
}
EMITTED_AT: Final[Part] = {
    "name": "emitted_at",
    "in": "query",
    "description": "The snapshot's emitted_at, as it has it: the answer then never changes, and caches keep it.",
    "schema": {"type": "string"},
}


def openapi_document() -> Part:
    """The document of /api/openapi.json."""
    types = [Snapshot, Stretch, CustomerAnswer, Health, ProblemDetails]
    _, schemas = msgspec.json.schema_components(types, ref_template=f"{ROOT}{{name}}")
    describe({"$defs": schemas}, {struct for of in types for struct in structs_in(of)})
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ltv dashboard",
            "version": "1",
            "description": "Snapshots of the top customers by simple lifetime value. Money is text with two decimals.",
        },
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "If the server asks for one."}
            },
        },
        "security": [{}, {"token": []}],
        "paths": {
            "/api/snapshots": {"get": _stretch()},
            "/api/snapshots/latest": {"get": _snapshot("The newest snapshot", [], "503")},
            "/api/snapshots/latest.csv": {"get": _csv("The newest snapshot as CSV", [], "503")},
            "/api/snapshots/{sequence}": {
                "get": _snapshot(
                    "One snapshot; it changes only where the topics are recreated",
                    [SEQUENCE, EMITTED_AT],
                    "404",
                    "503",
                )
            },
            "/api/snapshots/{sequence}.csv": {
                "get": _csv(
                    "One snapshot as CSV; it changes only where the topics are recreated",
                    [SEQUENCE, EMITTED_AT],
                    "404",
                    "503",
                )
            },
            "/api/stream": {"get": _stream()},
            "/api/customers/{id}": {"get": _customer("path")},
            "/api/customers": {"get": _customer("query", "400")},
            "/api/health": {"get": _health()},
        },
    }


def _operation(
    summary: str, parameters: list[Part], good: Part, *problems: str, description: str = ""
) -> Part:
    """One GET; every one but /api/health asks for the token, if there is one."""
    problem = {PROBLEM_TYPE: {"schema": {"$ref": f"{ROOT}{ProblemDetails.__name__}"}}}
    responses = {"200": good} | {
        status: {"description": PROBLEMS[status], "content": problem} for status in problems
    }
    return {"summary": summary, "description": description, "parameters": parameters, "responses": responses}


def _json(of: type, description: str) -> Part:
    return {
        "description": description,
        "content": {"application/json": {"schema": {"$ref": f"{ROOT}{of.__name__}"}}},
    }


def _csv_content() -> Part:
    return {"text/csv": {"schema": {"type": "string"}}}


def _snapshot(summary: str, parameters: list[Part], *problems: str) -> Part:
    good = _json(Snapshot, "The snapshot, as CSV if the header Accept prefers text/csv.")
    good["content"] |= _csv_content()
    good["headers"] = TAG_HEADERS
    operation = _operation(summary, parameters, good, "401", *problems)
    operation["responses"]["304"] = {"description": "It is the one of If-None-Match.", "headers": TAG_HEADERS}
    return operation


def _csv(summary: str, parameters: list[Part], *problems: str) -> Part:
    good = {
        "description": "A line with the columns' names, and one line for each customer. Text that a spreadsheet would "
        "take for a formula has a quote before it.",
        "content": _csv_content(),
        "headers": TAG_HEADERS,
    }
    operation = _operation(summary, parameters, good, "401", *problems)
    operation["responses"]["304"] = {"description": "It is the one of If-None-Match.", "headers": TAG_HEADERS}
    return operation


def _stretch() -> Part:
    bound = {
        "anyOf": [
            {"type": "string", "format": "date-time"},
            {"type": "string", "pattern": f"^{SequencePart.regex}$"},
        ]
    }
    parameters = [
        {
            "name": name,
            "in": "query",
            "description": f"A time by the broker's clock, or a sequence: {meaning}, this one included.",
            "schema": bound,
        }
        for name, meaning in (("since", "no snapshot before"), ("until", "no snapshot after"))
    ]
    limit = {
        "name": "limit",
        "in": "query",
        "description": "The most snapshots to return. With 1, the newest of the stretch.",
        "schema": {"type": "integer", "minimum": 1, "maximum": MOST_SUMMARIES, "default": DEFAULT_LIMIT},
    }
    return _operation(
        "A stretch of snapshots in short",
        [*parameters, limit],
        _json(Stretch, "The snapshots, oldest first."),
        *("400", "401", "503"),
        description="Without parameters, all that the topic has. Where these are more than `limit`, they are spread "
        "evenly, and the newest is among them.",
    )


def _stream() -> Part:
    last = {
        "in": "header",
        "name": "Last-Event-ID",
        "description": "The sequence that the client got last: what came after it is sent first, at most 1,000.",
        "schema": SEQUENCE["schema"],
    }
    in_query = {
        **last,
        "in": "query",
        "name": "last_event_id",
        "description": "The same, for clients that can't set the header.",
    }
    good = {
        "description": "Without an end. `snapshot`: a snapshot as JSON, its id is the sequence. `missed`: how many "
        "snapshots (`count`) were left out before the next one. `state`: the `state` of /api/health, and `since`. A "
        "comment every 15 s.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
    return _operation("Each snapshot as it comes", [last, in_query], good, "400", "401", "503")


def _customer(place: str, *problems: str) -> Part:
    customer_id = {
        "name": "id",
        "in": place,
        "required": True,
        "description": "The customer's id, percent-encoded; it may have every character. Clients resolve the ids . "
        "and .. in a path: these are asked for in the query.",
        "schema": {"type": "string", "minLength": 1, "maxLength": MAX_ID_CHARS},
    }
    return _operation(
        "One customer, ranked or not",
        [customer_id],
        _json(CustomerAnswer, "The customer's figures, exact as of `next_offset`."),
        *(*problems, "401", "404", "503"),
    )


def _health() -> Part:
    return _operation("How the dashboard is", [], _json(Health, "Whatever it says.")) | {"security": []}
