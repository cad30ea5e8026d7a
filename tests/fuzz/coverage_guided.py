"""`make fuzz-native`: libFuzzer looks for bytes that take the native core into code that no bytes have reached before.

Its targets (`native/fuzz/`) are built with AddressSanitizer and checks of overflow, and with few rows in a chunk and
few slots in a segment of the index. It begins from what `make fuzz` gives the core, and from what earlier runs have
found. A failure is printed with the file of its bytes, in `native/fuzz/artifacts/`.
"""

import os
import random
import subprocess
import sys
from collections.abc import Callable, Mapping
from hashlib import sha1
from pathlib import Path
from typing import Annotated, Final

import typer

from tests.equality import mutated_event, plain_event, text_of
from tests.faults.codecs import NONE
from tests.faults.record_batches import RawRecord, record_batch
from tests.fuzz.changelog_records import records as changelog_records
from tests.fuzz.record_batches import HEADER_BYTES

FUZZ: Final = Path(__file__).parents[2] / "native/fuzz"
RUSTFLAGS: Final = (
    "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 "
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table "
    "-Cllvm-args=-sanitizer-coverage-trace-compares -Zsanitizer=address -Ccodegen-units=1"
)
"""As cargo-fuzz has them."""
SEEDS: Final = 300
MAX_BYTES: Final = 4096


def _event(draw: random.Random) -> bytes:
    return b"\0" + mutated_event(draw)


def _records(draw: random.Random) -> bytes:
    events = [plain_event(draw) for _ in range(draw.choice([1, 2, 5, 20]))]
    if draw.random() < 0.3:
        return bytes([0, 0, 0, 0]) + b"\n".join(text_of(draw, event) for event in events)
    records = [
        RawRecord(
            event.get("customer_id", event["key"]).encode(),
            text_of(draw, event),
            headers=[(b"h", b"1")] * draw.choice([0, 0, 3]),
            delta_ms=draw.choice([0, 1, 1000]),
        )
        for event in events
    ]
    batch = record_batch(records, NONE)[HEADER_BYTES:]
    return bytes([0, len(records), draw.randrange(256), draw.randrange(256)]) + batch


def _state(draw: random.Random) -> bytes:
    steps = draw.sample(changelog_records(), draw.randrange(3))
    steps += [
        text_of(draw, plain_event(draw)) if draw.random() < 0.8 else b"" for _ in range(draw.randrange(20))
    ]
    return bytes([draw.randrange(256)]) + b"\xff".join(steps)


TARGETS: Final[Mapping[str, Callable[[random.Random], bytes]]] = {
    "event": _event,
    "records": _records,
    "state": _state,
}
"""Those of `native/fuzz/`, and what they begin from."""


def main(
    minutes: Annotated[float, typer.Option(help="For how long, all targets together.")] = 3.0,
    only: Annotated[list[str] | None, typer.Option(help=f"Of {', '.join(TARGETS)}; may be repeated.")] = None,
) -> None:
    """Look for bytes that the native core reads wrongly, guided by the code that they reach."""
    names = only or list(TARGETS)
    if unknown := set(names) - TARGETS.keys():
        raise typer.BadParameter(f"no such target: {', '.join(sorted(unknown))}", param_hint="--only")
    programs = _build()
    failed = [name for name in names if not _holds(name, programs / name, int(60 * minutes / len(names)))]
    if failed:
        print(f"Failed: {', '.join(failed)}", file=sys.stderr)
        raise typer.Exit(1)


def _build() -> Path:
    """Build the targets; returns the folder of the programs. Raises `CalledProcessError` where cargo fails."""
    version = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout
    [host] = [line.removeprefix("host: ") for line in version.splitlines() if line.startswith("host: ")]
    # RUSTC_BOOTSTRAP: a released compiler has AddressSanitizer, too.
    environment = os.environ | {"RUSTC_BOOTSTRAP": "1", "RUSTFLAGS": RUSTFLAGS}
    command = ["cargo", "build", "--release", "--locked", "--bins", "--target", host]
    subprocess.run(command, cwd=FUZZ, env=environment, check=True)
    return FUZZ / "target" / host / "release"


def _holds(name: str, program: Path, seconds: int) -> bool:
    """Run a target, which goes on from what former runs have found."""
    corpus, artifacts = FUZZ / "corpus" / name, FUZZ / "artifacts" / name
    for folder in (corpus, artifacts):
        folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(0)
    for _ in range(SEEDS):
        value = TARGETS[name](draw)
        (corpus / sha1(value).hexdigest()).write_bytes(value)
    print(f"{name}: {seconds:,} s", flush=True)
    limits = [f"-max_total_time={seconds}", f"-max_len={MAX_BYTES}", "-timeout=10"]
    run = [str(program), str(corpus), f"-artifact_prefix={artifacts}/", "-print_final_stats=1", *limits]
    return subprocess.run(run, check=False).returncode == 0


if __name__ == "__main__":
    typer.run(main)
