"""Debian's nginx before a dashboard, with its default settings and the given location."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from broker.readiness import free_port, is_taken
from tests.waiting import wait_until

HOST: Final = "127.0.0.1"
FOLDERS: Final = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@contextmanager
def nginx(directory: Path, location: str) -> Iterator[int]:
    """Run nginx with `location` within the block; yields its port. Skips the test where there is no nginx."""
    program = shutil.which("nginx")
    if program is None:
        pytest.skip("there is no nginx on the PATH (Debian: apt-get install nginx-light)")
    port, config = free_port(), directory / "nginx.conf"
    folders = "\n".join(f"{name}_temp_path {directory / name};" for name in FOLDERS)
    config.write_text(
        f"{'user root;' if os.geteuid() == 0 else ''} daemon off; worker_processes 1; pid {directory / 'pid'};\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{folders}\nserver {{\nlisten {HOST}:{port};\n{location}\n}}\n}}\n"
    )
    log = directory / "nginx.log"
    with subprocess.Popen(
        [program, "-p", directory, "-c", config, "-e", log], stderr=subprocess.PIPE
    ) as running:
        try:
            wait_until(
                lambda: is_taken(port), "nginx", failing=lambda: "ended" if running.poll() is not None else ""
            )
            yield port
        finally:
            running.terminate()
