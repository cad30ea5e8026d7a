"""The board is valid by Grafana's own schema, and its queries name metrics that exist."""

import json
import re
from collections.abc import Iterator
from enum import Enum
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.cog.runtime import Runtime
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard

from consumer.metrics import Metrics
from tests.unit.test_metrics import CATALOGUE
from tests.unit.test_prometheus_rules import RECORDED, RULES

GRAFANA = RULES.parent / "grafana"
BOARD = json.loads((GRAFANA / "boards" / "ltv.json").read_text())
SHOWN = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
FROM_PROMETHEUS = {"up", "ALERTS"}
ENDINGS = {"counter": [""], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}
FUNCTIONS = {"sum", "min", "max", "count", "rate", "increase", "histogram_quantile", "vector", "label_values"}
WORDS = {"by", "or", "le"}


def queries(board: dict[str, Any]) -> Iterator[str]:
    """Every query of the panels and variables."""
    for panel in board["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    yield from (each["query"]["query"] for each in board["templating"]["list"] if each["type"] == "query")


def names_in(query: str) -> set[str]:
    """The metrics of a query."""
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|\bby \([^)]*\)|, \w+\)$", " ", query)
    return set(re.findall(r"[A-Za-z_][\w:]*", bare)) - FUNCTIONS - WORDS


def known_metrics() -> set[str]:
    catalogued = {name + ending for name, entry in CATALOGUE.items() for ending in ENDINGS[entry.kind]}
    process = {
        sample.name
        for family in Metrics().registry.collect()
        for sample in family.samples
        if sample.name.startswith("process_")
    }
    return catalogued | process | FROM_PROMETHEUS | {rule["record"] for rule in RECORDED}


@pytest.mark.parametrize("query", sorted(set(queries(BOARD))))
def test_every_metric_of_a_query_is_in_the_catalogue_or_recorded(query: str) -> None:
    assert names_in(query)
    assert names_in(query) <= known_metrics()


def test_every_catalogued_metric_is_on_the_board() -> None:
    shown = {name for query in queries(BOARD) for name in names_in(query)}
    shown |= {name for rule in RECORDED for name in re.findall(r"\bltv_\w+", rule["expr"])}
    missing = {
        name
        for name, entry in CATALOGUE.items()
        if not shown & {name + ending for ending in ENDINGS[entry.kind]}
    }
    assert missing == set()


@pytest.mark.parametrize("panel", SHOWN, ids=lambda panel: str(panel["title"]))
def test_a_panel_has_a_unit_a_description_and_shows_one_group_of_one_cluster(panel: dict[str, Any]) -> None:
    assert panel["fieldConfig"]["defaults"]["unit"] in vars(units).values()
    assert panel["description"].endswith(".")
    for target in panel["targets"]:
        selectors = re.findall(r"\{[^}]*\}", target["expr"])
        assert selectors
        assert all('cluster="$cluster", group="$group"' in selector for selector in selectors)


def test_panels_have_ids_and_places_of_their_own() -> None:
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert len(set(ids)) == len(ids)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in BOARD["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


def lost(before: Any, after: Any, place: str) -> Iterator[str]:
    """What Grafana's types do not have."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name, value in before.items():
            yield from lost(value, after.get(name), f"{place}.{name}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from lost(one, other, f"{place}[{number}]")
    elif before != after:
        yield place


def misfits(value: Any, hint: Any, place: str) -> list[str]:
    """The places whose values are not of the type that Grafana's types give them."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, UnionType}:
        return min((misfits(value, each, place) for each in arguments), key=len)
    if isinstance(value, list):
        inner = arguments[0] if origin is list else Any
        wrong = [] if origin is list or hint in {Any, object} else [place]
        return wrong + [w for n, each in enumerate(value) for w in misfits(each, inner, f"{place}[{n}]")]
    if type(value).__module__.startswith("grafana_foundation_sdk.models") and not isinstance(value, Enum):
        fields = get_type_hints(type(value)).items()
        return [w for name, of in fields for w in misfits(getattr(value, name), of, f"{place}.{name}")]
    if origin is Literal:
        fits = value in arguments
    elif isinstance(hint, type) and issubclass(hint, Enum):
        fits = value in [each.value for each in hint] or isinstance(value, hint)
    elif hint is float:
        fits = type(value) in {int, float}
    else:
        fits = hint in {Any, object} or isinstance(value, origin or hint)
    return [] if fits else [place]


def faults(board: dict[str, Any]) -> list[str]:
    """The places of a board that Grafana's schema (11.6) does not allow."""
    register_default_plugins()
    types = {panel["type"] for panel in board["panels"]} - {"row"}
    found = sorted(types - Runtime().panelcfg_variants.keys())
    read = Dashboard.from_json(board)
    found += lost(board, json.loads(json.dumps(read, cls=JSONEncoder)), "board")
    return found + misfits(read, Dashboard, "board")


def test_the_board_is_valid_by_grafanas_schema() -> None:
    assert faults(BOARD) == []


@pytest.mark.parametrize(
    ("panel", "path", "value"),
    [
        (1, ["title"], 3),
        (1, ["gridPos", "h"], "4"),
        (1, ["options", "unknown"], True),
        (1, ["options", "colorMode"], "rainbow"),
        (1, ["type"], "graphs"),
        (9, ["fieldConfig", "defaults", "custom", "lineWidht"], 1),
        (9, ["targets", 0, "query"], "up"),
    ],
)
def test_the_check_finds_what_the_schema_does_not_allow(panel: int, path: list[Any], value: object) -> None:
    board = json.loads(json.dumps(BOARD))
    place = board["panels"][panel]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert faults(board) != []


def test_the_provisioning_gives_the_board_its_data_source() -> None:
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    jobs = yaml.safe_load((RULES / "scrape.yml").read_text())["scrape_configs"]
    assert {job["scrape_interval"] for job in jobs} == {source["jsonData"]["timeInterval"]}
    assert {each["query"] for each in BOARD["templating"]["list"] if each["type"] == "datasource"} == {
        source["type"]
    }
