"""Kafka's errors as ours, in one table: what can be tried again, and what needs a person."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from kafka import errors as kafka_errors

from contract.errors import MAX_DETAIL_CHARS, Fatal, Retriable

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
    (kafka_errors.UnsupportedCompressionTypeError, "choose another compression.type for the topic"),
    (kafka_errors.MessageSizeTooLargeError, "raise the topic's max.message.bytes"),
    (kafka_errors.InvalidTopicError, "choose another --events-topic or --prefix"),
    (kafka_errors.InvalidGroupIdError, "choose another --group"),
    (
        kafka_errors.InconsistentGroupProtocolError,
        "another application uses this group: choose a --group of this application's own",
    ),
    (kafka_errors.InvalidPartitionsError, "choose another number of --partitions"),
    (kafka_errors.PolicyViolationError, "the brokers' rules for new topics do not allow it"),
    (kafka_errors.InvalidConfigurationError, "the brokers do not allow a setting that this program needs"),
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

_HINTS: Final = (
    (
        kafka_errors.InvalidReplicationFactorError,
        "choose a replication factor of at most the number of brokers",
    ),
)
"""What passes when the cluster changes, for whoever can't wait."""

_EXCHANGE: Final = re.compile(r": (Request '.*'|\w+Request) failed with response '.*'\.?")
_BROKER_TEXT: Final = re.compile(r"""error_message=(['"])(.*?)\1""")
_ERROR_CODE: Final = re.compile(r"\[Error (\d+)\]")

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
    said = f"{doing}: {error_text(error)}"
    for kind in _kinds(error):
        if remedy := remedy_of(kind):
            return Fatal(f"{said}; {remedy}")
        if issubclass(kind, _FENCED):
            return Fenced(said)
    hint = next((f"; {hint}" for kind, hint in _HINTS if isinstance(error, kind)), "")
    return Retriable(said + hint)


def _kinds(error: kafka_errors.KafkaError) -> Iterator[type]:
    """What happened: an error's own type, and those that the error only carries or quotes.

    A producer that has failed answers every further call with an error that carries the first one. What its
    transaction manager does not expect is a plain KafkaError with the broker's error code in its text.
    """
    yield from map(type, (error, *error.args))
    if type(error) is kafka_errors.KafkaError and (code := _ERROR_CODE.search(str(error))):
        yield kafka_errors.for_code(int(code[1]))


def remedy_of(kind: type) -> str:
    """What to do about this type of kafka-python error; "" where trying again may help."""
    return next((remedy for wrong, remedy in _REMEDIES if issubclass(kind, wrong)), "")


def error_text(error: Exception) -> str:
    """The error's name and text, on one line, the name once; of a request and its answer only the answer's reason."""
    name, text = type(error).__name__, _EXCHANGE.sub(_reason, " ".join(str(error).split()))
    text = text if name in text else f"{name}: {text}"
    return text if len(text) <= MAX_DETAIL_CHARS else f"{text[: MAX_DETAIL_CHARS - 3]}..."


def _reason(exchange: re.Match[str]) -> str:
    said = _BROKER_TEXT.search(exchange[0])
    return f": {said[2].rstrip('.')}" if said else ""


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
