"""What a command shows on a terminal, and a picture of it."""

import io
import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

SVG_FORMAT: Final = re.sub(r"@font-face \{\{.*?\}\}|<!--.*?-->", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
"""Rich's template would load fonts from the web, and names a host."""


def on_terminal(*arguments: str, **how: Any) -> str:
    """What `ltv` writes to a terminal; `how` as for `python_on_terminal`."""
    return python_on_terminal("-m", "ltv", *arguments, **how)


def python_on_terminal(
    *arguments: str,
    output: str = "both",
    folder: Path | None = None,
    columns: int = 400,
    environment: Mapping[str, str] | None = None,
) -> str:
    """What Python writes to a terminal that is its standard output and error, or only one of them."""
    reading, terminal = pty.openpty()
    chunks: list[bytes] = []

    def read() -> None:
        try:
            while chunk := os.read(reading, 65536):
                chunks.append(chunk)
        except OSError:  # Linux: the command has closed the terminal.
            pass

    reader = threading.Thread(target=read)
    try:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=terminal if output in {"both", "stdout"} else subprocess.DEVNULL,
            stderr=terminal if output in {"both", "stderr"} else subprocess.DEVNULL,
            cwd=folder,
            env={
                **os.environ,
                "PYTHONPATH": str(Path(__file__).parents[1]),
                "TERM": "xterm",
                "COLUMNS": str(columns),
                **(environment or {}),
            },
        )
        os.close(terminal)
        reader.start()
        process.wait(timeout=60)
        reader.join(timeout=60)
    finally:
        os.close(reading)
    return b"".join(chunks).decode()


def picture(shown: str, title: str, columns: int) -> str:
    """An SVG of a terminal that shows this."""
    console = Console(record=True, width=columns, file=io.StringIO())
    console.print(Text.from_ansi(shown.replace("\r\n", "\n").rstrip()))
    return console.export_svg(title=title, code_format=SVG_FORMAT, unique_id="ltv")
