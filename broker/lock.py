"""`python -m broker.lock` (part of `make lock`): resolve Kafka's jars and write jars.lock."""

import hashlib
from typing import Final

import jgo

from broker.jars import KAFKA_VERSION, LOCK

ENDPOINT: Final = "+".join(
    (
        f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
        f"org.apache.kafka:kafka-clients:{KAFKA_VERSION}",  # Without this, jgo resolves 3.9.1, and the broker fails.
        "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4",
    )
)
HEADER: Final = f"# Apache Kafka {KAFKA_VERSION}, written by `make lock`: SHA-256, group:artifact:version\n"


def main() -> None:
    """Download every jar, and write its SHA-256 and coordinate to jars.lock."""
    lines = []
    for artifact in jgo.resolve(ENDPOINT):
        digest = hashlib.sha256(artifact.resolve().read_bytes()).hexdigest()
        lines.append(f"{digest}  {artifact.groupId}:{artifact.artifactId}:{artifact.version}\n")
    LOCK.write_text(HEADER + "".join(sorted(lines, key=lambda line: line.split()[1])))
    print(f"{LOCK.name}: {len(lines)} jars")


if __name__ == "__main__":
    main()
