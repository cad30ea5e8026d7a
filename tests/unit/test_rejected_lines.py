"""Each invalid event of a file is reported with its line number, by both implementations."""

from pathlib import Path

import pytest

from consumer.batch import Batch
from contract.errors import InvalidEvent
from files.input import CHUNK_BYTES
from tests.implementations import BOTH, Implementation, in_use

VISIT = (
    b'{"type":"SITE_VISIT","verb":"NEW","key":"p","event_time":"2017-01-06T12:46:46.384Z","customer_id":"c"}'
)


@pytest.mark.parametrize("implementation", BOTH)
def test_an_invalid_event_has_its_line_number_in_every_block(
    tmp_path: Path, implementation: Implementation
) -> None:
    some = [b"first", VISIT, b"", b" \t\r", VISIT + b"\r", b"  second \r", VISIT, b"third", b"", VISIT]
    lines = some * (3 * CHUNK_BYTES // len(b"\n".join(some)))
    path = tmp_path / "events.ndjson"
    path.write_bytes(b"\n".join(lines))
    found: list[tuple[int, bytes]] = []

    def reject(_path: str, line: int, value: bytes, _error: InvalidEvent) -> None:
        found.append((line, value))

    with in_use(implementation):
        run = Batch(reject)
        list(run.ingest_file(str(path)))
        assert run.state.totals().events == lines.count(VISIT) + lines.count(VISIT + b"\r")
    words = {b"first", b"second", b"third"}
    assert found == [(n, line.strip()) for n, line in enumerate(lines, 1) if line.strip() in words]
