"""`ltv dashboard`: read the options and serve the dashboard."""

import re
from typing import Annotated, Final

import typer

from cluster.diagnose import silence_client_logs
from cluster.settings import Cluster
from consumer import logs
from contract.access_token import AccessToken
from contract.errors import Fatal
from contract.topics import DEFAULT_PREFIX, Topics
from dashboard.server import run_dashboard
from dashboard.settings import DashboardSettings
from ltv.options import BootstrapServers, Prefix
from ltv.stop_signals import StopFlag

DEFAULTS: Final = DashboardSettings(Cluster.model_construct())
ORIGIN: Final = re.compile(
    r"https?://(\*\.)?[A-Za-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?"
)


def dashboard(
    host: Annotated[
        str, typer.Option(envvar="LTV_DASHBOARD_HOST", help="The address to listen on.")
    ] = DEFAULTS.host,
    port: Annotated[
        int, typer.Option(min=0, max=65535, envvar="LTV_DASHBOARD_PORT", help="The port; 0 is any free one.")
    ] = DEFAULTS.port,
    allowed_hosts: Annotated[
        str,
        typer.Option(
            envvar="LTV_DASHBOARD_ALLOWED_HOSTS",
            metavar="NAME,...",
            help="Names by which browsers may call the dashboard, beside IP addresses, names without a dot and this "
            "host's name.",
            show_default=False,
        ),
    ] = "",
    allow_origin: Annotated[
        str,
        typer.Option(
            envvar="LTV_DASHBOARD_ALLOW_ORIGIN",
            metavar="ORIGIN,...",
            help="Origins whose pages may read the API, such as https://shop.example; * is every origin.",
            show_default=False,
        ),
    ] = "",
    frame_ancestors: Annotated[
        str,
        typer.Option(
            envvar="LTV_DASHBOARD_FRAME_ANCESTORS",
            metavar="ORIGIN,...",
            help="Origins whose pages may show the dashboard in a frame, such as https://intranet.example; self is "
            "its own.",
            show_default=False,
        ),
    ] = "",
    max_subscribers: Annotated[
        int,
        typer.Option(
            min=1,
            envvar="LTV_DASHBOARD_MAX_SUBSCRIBERS",
            help="Streams that may be open at the same time.",
        ),
    ] = DEFAULTS.most_subscribers,
    bootstrap_servers: BootstrapServers = None,
    prefix: Prefix = DEFAULT_PREFIX,
) -> None:
    """Serve a page of the top customers, live, and its HTTP API and stream for other dashboards, until Ctrl-C.

    With LTV_ACCESS_TOKEN in the environment, requests must show this token, and browsers get a login form. While no
    broker answers, the dashboard shows what it knows, says so, and retries.
    """
    settings = DashboardSettings(
        cluster=Cluster.at(bootstrap_servers),
        topics=Topics(prefix=prefix),
        host=host,
        port=port,
        allowed_hosts=_names(allowed_hosts),
        allowed_origins=tuple(_origin("--allow-origin", name, "*") for name in _names(allow_origin)),
        frame_ancestors=tuple(_ancestor(name) for name in _names(frame_ancestors)),
        most_subscribers=max_subscribers,
        token=AccessToken.from_environment(),
    )
    logs.configure()
    silence_client_logs()
    run_dashboard(settings, StopFlag(lambda: 0))


def _names(text: str) -> tuple[str, ...]:
    return tuple(filter(None, map(str.strip, text.split(","))))


def _origin(option: str, name: str, word: str) -> str:
    """The origin, or the word; raises Fatal if it is neither."""
    if name != word and not ORIGIN.fullmatch(name):
        raise Fatal(
            f"{option} {name!a}: give an origin such as https://shop.example, without a path, or {word}"
        )
    return name


def _ancestor(name: str) -> str:
    return "'self'" if _origin("--frame-ancestors", name, "self") == "self" else name
