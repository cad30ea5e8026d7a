"""kafka-python's errors as ours, in one table: what can be tried again, and what needs a person."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from kafka import errors as kafka_errors

from contract.errors import Fatal, Retriable

RIGHTS: Final = (
    "the user's ACLs must allow it: a producer writes the events topic; a subscriber reads the prefix's topics; the "
    "consumer reads the events topic and the group, reads, writes, creates, deletes and describes configs of the "
    "prefix's topics, and writes the transactional ids that begin with the prefix"
)
LOGIN: Final = "check KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_*, KAFKA_SSL_*"


class Fenced(Retriable):
    """The transaction is not ours any more: it timed out, or another process has our transactional id."""


_REMEDIES: Final[tuple[tuple[type[kafka_errors.KafkaError], str], ...]] = (
    (kafka_errors.AuthorizationError, RIGHTS),
    (kafka_errors.SaslAuthenticationFailedError, LOGIN),
    (kafka_errors.UnsupportedSaslMechanismError, LOGIN),
    (kafka_errors.KafkaConfigurationError, LOGIN),
    (kafka_errors.UnsupportedVersionError, "the broker does not know this request: it needs a newer Kafka"),
    (kafka_errors.UnsupportedCodecError, "install the package of this compression"),
    (kafka_errors.MessageSizeTooLargeError, "raise the topic's max.message.bytes"),
    (kafka_errors.InvalidTopicError, "choose another topic name or --prefix"),
    (
        kafka_errors.InvalidSessionTimeoutError,
        "choose a --session-timeout-s between the broker's group.min.session.timeout.ms (6 s by default) and "
        "group.max.session.timeout.ms (30 min by default)",
    ),
    (
        kafka_errors.InvalidTransactionTimeoutError,
        "choose a --transaction-timeout-s of at most the broker's transaction.max.timeout.ms (15 min by default)",
    ),
)
"""What can't succeed by trying again, and what to do about it."""

_FENCED: Final = (kafka_errors.ProducerFencedError, kafka_errors.InvalidProducerEpochError)


@contextmanager
def client_errors(doing: str) -> Iterator[None]:
    """Here kafka-python's errors come out as `Fatal`, `Fenced` or `Retriable`; the text begins with `doing`."""
    try:
        yield
    except kafka_errors.KafkaError as error:
        raise our_error(doing, error) from error


def our_error(doing: str, error: kafka_errors.KafkaError) -> Fatal | Retriable:
    """The error of ours that a kafka-python error means."""
    if isinstance(error, kafka_errors.FencedInstanceIdError):
        return Fatal(fenced_instance(doing))
    if isinstance(error, kafka_errors.OffsetOutOfRangeError):
        return Fatal(records_gone(doing, str(error)))
    # A producer that has failed answers every further call with an error that only carries the first one.
    for cause in (error, *error.args):
        for kind, remedy in _REMEDIES:
            if isinstance(cause, kind):
                return Fatal(f"{doing}: {error_text(error)}; {remedy}")
        if isinstance(cause, _FENCED):
            return Fenced(f"{doing}: {error_text(error)}")
    return Retriable(f"{doing}: {error_text(error)}")


def error_text(error: Exception) -> str:
    """The error's name and text, the name once."""
    name, text = type(error).__name__, str(error)
    return text if name in text else f"{name}: {text}"


def fenced_instance(doing: str) -> str:
    """Two processes have one instance id."""
    return (
        f"{doing}: another consumer has joined the group with the same instance id; "
        "give each process its own --instance-id"
    )


def records_gone(doing: str, detail: str) -> str:
    """A position is outside its partition."""
    return (
        f"{doing}: records at the next offset are gone ({detail}). If it is the events topic, its retention is "
        "shorter than the consumer's lag, or it was recreated"
    )


def blocked_by_transaction(topic: str, partition: int, position: int, waited_s: float) -> str:
    """A log can't be read to its end, because a transaction has not ended."""
    return (
        f"{topic}-{partition}: no record within {waited_s:.0f} s at {position}: a transaction has not ended there. "
        "If it never does: the instance that wrote it ends it when it is started again; "
        "kafka-transactions.sh describe-producers and abort do so, too"
    )


def topic_recreated(topic: str) -> str:
    """The events topic is not the one that was ingested."""
    return (
        f"the topic {topic} was deleted and recreated since its events were ingested. To count the new one's events "
        "from the start, use a new --prefix and --group"
    )
