"""What is asked where no broker answers depends on how far the connection came."""

import pytest

from cluster.diagnose import what_to_check


@pytest.mark.parametrize(
    ("cause", "question"),
    [
        ("KafkaConnectionError: 111 ECONNREFUSED", "Is it running"),
        ("KafkaConnectionError: Connection timed out", "Is it running"),
        ("", "Is it running"),
        ("[Error 7] RequestTimedOutError: Request timed out after 4998 ms", "does it hang?"),
    ],
)
def test_a_broker_that_listens_and_is_silent_is_not_taken_for_one_that_does_not_run(
    cause: str, question: str
) -> None:
    assert question in what_to_check(cause)
