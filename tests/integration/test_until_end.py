"""`--until-end` consumes all records that were on the topic at its start, emits a snapshot of them, and ends."""

import subprocess
import sys
from uuid import uuid4

from kafka import KafkaProducer

from broker.readiness import free_port
from tests.integration.application import Plain, shop
from tests.integration.conftest import NewApplication, NewTopic


def test_an_empty_topic_gives_a_complete_snapshot_of_nothing(
    new_topic: NewTopic, new_application: NewApplication
) -> None:
    application = new_application(new_topic())
    application.backfill()
    application.assert_exact()


def test_empty_partitions_report_too(new_topic: NewTopic, new_application: NewApplication) -> None:
    records = shop(200, seed=1, customers=1)
    application = new_application(new_topic(records, partitions=4))
    application.backfill()
    application.assert_exact()


def test_a_second_run_without_new_records_ends_with_the_same_figures(
    new_topic: NewTopic, new_application: NewApplication
) -> None:
    application = new_application(new_topic(shop(500, seed=2)))
    application.backfill()
    application.backfill()
    application.assert_exact()


def test_committed_and_aborted_transactions_at_the_end_do_not_block_and_aborted_records_do_not_count(
    plain: Plain, new_topic: NewTopic, new_application: NewApplication
) -> None:
    topic = new_topic(shop(100, seed=3))
    producer = KafkaProducer(bootstrap_servers=plain.servers, transactional_id=f"shop-{uuid4()}")
    producer.init_transactions()
    for seed, end in [(4, producer.commit_transaction), (5, producer.abort_transaction)]:
        producer.begin_transaction()
        for key, value in shop(100, seed=seed):
            producer.send(topic, key=key, value=value)
        producer.flush()
        end()
    producer.close()
    application = new_application(topic)
    assert application.backfill()["totals"]["events"] == 200
    application.assert_exact()
    application.backfill()
    application.assert_exact()


def test_without_a_broker_it_ends_after_the_connect_timeout() -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "ltv", "consume", "--until-end", "--connect-timeout-s", "1"]
    ended = subprocess.run(
        [*command, "--bootstrap-servers", nowhere], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 1
    last_line = ended.stderr.splitlines()[-1]
    assert last_line.startswith("ltv: not connected within --connect-timeout-s 1: ")
    assert nowhere in last_line
