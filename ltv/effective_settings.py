"""The settings that a command would run with, and where each comes from; values that may be secret are masked."""

import re
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final, Literal

import typer
from msgspec import Struct
from pydantic import SecretStr

from cluster.settings import Cluster
from contract.access_token import ACCESS_TOKEN_VARIABLE

MASK: Final = "********"
NOT_SET: Final = "not set"
_LOGIN_IN_URL: Final = re.compile(r"(?<=://)[^/@\s]*@")


class EffectiveSetting(Struct, frozen=True, kw_only=True, rename={"origin": "from"}):
    """One setting."""

    variable: str
    """The environment variable."""
    flag: str | None
    """The option that overrides it; null if there is none."""
    value: str
    """MASK in the place of a secret."""
    origin: Literal["default", "environment"]


def settings_of_command(
    command: Callable[..., None], environment: Mapping[str, str]
) -> list[EffectiveSetting]:
    """The settings of a command that have variables, but for those of the connection."""
    app = typer.Typer(add_completion=False)
    app.command()(command)
    parameters: list[Any] = typer.main.get_command(app).params
    return [
        _setting(each.envvar, max(each.opts, key=len), _default_text(each), environment)
        for each in parameters
        if each.envvar and not each.envvar.startswith("KAFKA_")
    ]


def _default_text(parameter: Any) -> str:
    default = parameter.default
    if isinstance(parameter.show_default, str):
        return parameter.show_default
    if default in (None, "", ()):
        return NOT_SET
    return str(default.value if isinstance(default, Enum) else default)


def settings_of_connection(environment: Mapping[str, str]) -> list[EffectiveSetting]:
    """The settings of the connection to Kafka, and the access token."""
    found = []
    for name, field in Cluster.model_fields.items():
        default = NOT_SET if field.default is None else str(field.default)
        flag = "--bootstrap-servers" if name == "bootstrap_servers" else None
        is_secret = "SecretStr" in str(field.annotation) or field.annotation is SecretStr
        found.append(_setting(f"KAFKA_{name.upper()}", flag, default, environment, is_secret=is_secret))
    return [*found, _setting(ACCESS_TOKEN_VARIABLE, None, NOT_SET, environment, is_secret=True)]


def _setting(
    variable: str, flag: str | None, default: str, environment: Mapping[str, str], *, is_secret: bool = False
) -> EffectiveSetting:
    text = environment.get(variable)
    if not text:
        return EffectiveSetting(variable=variable, flag=flag, value=default, origin="default")
    value = MASK if is_secret else _LOGIN_IN_URL.sub(f"{MASK}@", text)
    return EffectiveSetting(variable=variable, flag=flag, value=value, origin="environment")
