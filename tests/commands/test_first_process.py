"""A command that is the first process of a container: the kernel gives it only signals that it handles."""

import signal
import socket
import subprocess
import sys

SCRIPT = "import os; os.getpid = lambda: 1; from ltv.cli import main; main()"


def test_sigterm_ends_a_command_without_a_handler_of_its_own_with_130() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = "{}:{}".format(*server.getsockname())
        command = [sys.executable, "-c", SCRIPT, "topics", "check", "--bootstrap-servers", address]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
            server.accept()[0].close()
            running.send_signal(signal.SIGTERM)
            _, said = running.communicate(timeout=60)
    assert (running.returncode, said) == (130, "")
