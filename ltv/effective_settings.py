"""The settings that a command would run with, and where each comes from; values that may be secret are masked."""

import re
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final, Literal

import typer
from msgspec import Struct

from cluster.settings import Cluster
from contract.access_token import ACCESS_TOKEN_VARIABLE
from contract.secret_variables import FILE_SUFFIX

MASK: Final = "********"
NOT_SET: Final = "not set"
_LOGIN_IN_URL: Final = re.compile(r"(?<=://)[^/@\s]*@")


Origin = Literal["default", "environment", "file"]


class EffectiveSetting(Struct, frozen=True, kw_only=True, rename={"origin": "from"}):
    """One setting."""

    variable: str
    """The environment variable."""
    flag: str | None
    """The option that overrides it; null if there is none."""
    value: str
    """MASK in the place of a secret."""
    origin: Origin
    """file: the one that the variable with _FILE at its end names."""


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
    secrets = Cluster.secret_fields()
    for name, field in Cluster.model_fields.items():
        default = NOT_SET if field.default is None else str(field.default)
        flag = "--bootstrap-servers" if name == "bootstrap_servers" else None
        variable = f"KAFKA_{name.upper()}"
        if name in secrets:
            found += _secret(variable, environment)
        else:
            found.append(_setting(variable, flag, default, environment))
    return [*found, *_secret(ACCESS_TOKEN_VARIABLE, environment)]


def _secret(variable: str, environment: Mapping[str, str]) -> list[EffectiveSetting]:
    """The secret, masked, and the variable of its file."""
    file = _setting(variable + FILE_SUFFIX, None, NOT_SET, environment)
    is_set = bool(environment.get(variable))
    origin: Origin = "environment" if is_set else "file" if file.origin == "environment" else "default"
    value = NOT_SET if origin == "default" else MASK
    return [EffectiveSetting(variable=variable, flag=None, value=value, origin=origin), file]


def _setting(
    variable: str, flag: str | None, default: str, environment: Mapping[str, str]
) -> EffectiveSetting:
    text = environment.get(variable)
    if not text:
        return EffectiveSetting(variable=variable, flag=flag, value=default, origin="default")
    value = _LOGIN_IN_URL.sub(f"{MASK}@", text)
    return EffectiveSetting(variable=variable, flag=flag, value=value, origin="environment")
