"""The settings of a dashboard, in one place. `ltv dashboard` fills them from options and LTV_* variables."""

from dataclasses import dataclass, field

from cluster.settings import Cluster
from contract.access_token import AccessToken
from contract.topics import Topics


@dataclass(frozen=True)
class DashboardSettings:
    """The settings of one dashboard process."""

    cluster: Cluster
    topics: Topics = field(default_factory=Topics)
    host: str = "127.0.0.1"
    port: int = 8080
    allowed_hosts: tuple[str, ...] = ()
    """Names that requests may have as Host, beside those that `AllowedHosts` has of itself."""
    allowed_origins: tuple[str, ...] = ()
    """Origins whose pages may read the API (CORS), such as https://shop.example; "*" is every origin."""
    frame_ancestors: tuple[str, ...] = ()
    """Origins whose pages may show this one in a frame; none by default."""
    most_subscribers: int = 2_000
    """Streams that are open at the same time; a further one is answered with 503."""
    token: AccessToken | None = None
    """What requests must show; None: everybody may read."""
