"""Runs a command until standard input closes: the starter closes it to stop the command, or by ending itself.

It is a separate process, so that the JVM stops cleanly even if its starter is killed. It uses the standard library
only, for it is run as a file, outside the package.
"""

import os
import signal
import subprocess
import sys
from threading import Thread

STOP_S = 20.0


def main() -> None:
    """Arguments: a file descriptor that the command inherits (the lock's), then the command."""
    held_fd, *command = sys.argv[1:]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=(int(held_fd),))
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    Thread(target=_end_with_stdin, args=(child,), daemon=True).start()
    status = child.wait()
    os._exit(status if status >= 0 else 128 - status)


def _end_with_stdin(child: subprocess.Popen[bytes]) -> None:
    os.read(0, 1)
    child.terminate()
    try:
        child.wait(STOP_S)
    except subprocess.TimeoutExpired:
        child.kill()


if __name__ == "__main__":
    main()
