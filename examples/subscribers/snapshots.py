"""Print each new snapshot. Needs kafka-python only; for example: `python snapshots.py localhost:9092 ltv.snapshots`."""

import json
import sys

from kafka import KafkaConsumer

servers, topic = sys.argv[1:]
for record in KafkaConsumer(topic, bootstrap_servers=servers, isolation_level="read_committed"):
    snapshot = json.loads(record.value)
    print(snapshot["sequence"], "complete" if snapshot["coverage"]["complete"] else "incomplete", flush=True)
    for row in snapshot["rows"]:
        print(f"{row['rank']:>4}  {row['ltv']:>14}  {row['customer_id']!a}", flush=True)
