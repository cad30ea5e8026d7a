"""`ltv config`: the settings that a command would run with, and where each comes from."""

import os
from enum import StrEnum
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from contract.printable import printable
from ltv.console.consoles import stdout_console
from ltv.console.json_line import print_json


class ConfiguredCommand(StrEnum):
    """The commands whose settings are shown."""

    consume = "consume"
    dashboard = "dashboard"


def config(
    command: Annotated[
        ConfiguredCommand, typer.Argument(metavar="[consume|dashboard]", help="Whose settings.")
    ] = ConfiguredCommand.consume,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as one JSON line.")] = False,
) -> None:
    """Show every setting of `ltv consume` or `ltv dashboard`: its variable, its value, and where the value comes from.

    Values come from the environment of this shell, or are defaults; an option of the command overrides both. Secrets
    are masked. Nothing is checked and no broker is asked.
    """
    from ltv.commands.consume import consume
    from ltv.commands.dashboard import dashboard
    from ltv.effective_settings import settings_of_command, settings_of_connection

    of_command = consume if command is ConfiguredCommand.consume else dashboard
    found = [*settings_of_command(of_command, os.environ), *settings_of_connection(os.environ)]
    if as_json:
        print_json({"command": command.value, "settings": found})
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("setting", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("from", no_wrap=True)
    for each in found:
        style = "" if each.origin == "default" else "bold"
        table.add_row(each.variable, printable(each.value), each.origin, style=style)
    stdout_console().print(table)
