"""One table maps the Kafka client's errors to ours, with one short line that says what to do."""

import pytest
from kafka import errors as kafka_errors

from cluster.errors import Fenced, our_error
from contract.errors import Fatal, Retriable

NEVER_RIGHT = {
    "InvalidSessionTimeoutError": "--session-timeout-s",
    "InvalidTransactionTimeoutError": "--transaction-timeout-s",
    "InvalidGroupIdError": "--group",
    "InconsistentGroupProtocolError": "--group",
    "InvalidPartitionsError": "--partitions",
    "InvalidTopicError": "--prefix",
    "TopicAuthorizationFailedError": "ACLs",
    "GroupAuthorizationFailedError": "ACLs",
    "ClusterAuthorizationFailedError": "ACLs",
    "TransactionalIdAuthorizationFailedError": "ACLs",
    "SaslAuthenticationFailedError": "KAFKA_SASL",
    "UnsupportedSaslMechanismError": "KAFKA_SASL",
    "UnsupportedVersionError": "newer Kafka",
    "UnsupportedCompressionTypeError": "compression",
    "MessageSizeTooLargeError": "max.message.bytes",
}


@pytest.mark.parametrize(("name", "remedy"), NEVER_RIGHT.items())
def test_what_brokers_never_accept_is_fatal_with_its_remedy(name: str, remedy: str) -> None:
    error = our_error("starting", getattr(kafka_errors, name)())
    assert isinstance(error, Fatal)
    assert str(error).startswith("starting: ")
    assert remedy in str(error)


def test_an_error_code_that_kafka_python_only_quotes_counts_as_that_error() -> None:
    quoted = kafka_errors.KafkaError("Unexpected error in InitProducerIdResponse: [Error 50] Invalid...")
    assert isinstance(our_error("starting", quoted), Fatal)


def test_the_cause_of_an_error_decides_if_the_error_itself_is_not_known() -> None:
    carrying = kafka_errors.KafkaError(kafka_errors.ProducerFencedError())
    assert isinstance(our_error("committing", carrying), Fenced)


def test_a_temporary_error_is_retriable() -> None:
    assert isinstance(our_error("reading", kafka_errors.CoordinatorNotAvailableError()), Retriable)


def test_too_few_brokers_for_the_replicas_is_retriable_and_the_text_says_what_to_do() -> None:
    error = our_error("creating topics", kafka_errors.InvalidReplicationFactorError())
    assert isinstance(error, Retriable)
    assert "at most the number of brokers" in str(error)


@pytest.mark.parametrize(
    "said", ["'Topic \"a b\" is illegal, it\\'s not: a b.'", "\"Topic 'a b' is illegal.\""], ids=["'", '"']
)
def test_of_a_request_and_its_answer_only_the_answers_reason_is_shown(said: str) -> None:
    request = f"Request 'CreateTopicsRequest(topics=[{'x' * 2_000}])' failed with response "
    answer = f"'CreateTopicsResponse(topics=[Result(error_message={said}, a=1)])'."
    error = kafka_errors.InvalidTopicError(request + answer)
    text = str(our_error("creating topics", error))
    assert text.startswith("creating topics: [Error 17] InvalidTopicError: Topic ")
    assert "a b" in text
    assert "illegal" in text
    assert "Request" not in text
    assert len(text) < 200


def test_any_other_text_is_one_line_of_a_bounded_length() -> None:
    text = str(our_error("reading", kafka_errors.KafkaError("first\nsecond " + "x" * 5_000)))
    assert "first second" in text
    assert "\n" not in text
    assert len(text) < 400
