"""kafka-python's errors mapped to ours, in one table: which can be retried, and which need a person."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from kafka import errors as kafka_errors

from contract.errors import MAX_DETAIL_CHARS, Fatal, Retriable

RIGHTS: Final = (
    'the user\'s ACLs must allow it: docs/operating.md, "Rights (ACLs)", lists what each command needs'
)
UNSEEN: Final = "brokers also hide topics that the user's ACLs do not let it describe"
END_TRANSACTION: Final = (
    "If it stays open: start the instance that began it again, or end it with kafka-transactions.sh "
    "(describe-producers, then abort)"
)
LOGIN: Final = "check KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_*, KAFKA_SSL_*"


class Fenced(Retriable):
    """The transaction no longer belongs to this process: it timed out, or another process has the transactional id."""


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
        "another application uses this group: choose a --group that only this application uses",
    ),
    (kafka_errors.InvalidPartitionsError, "choose another number of --partitions"),
    (kafka_errors.PolicyViolationError, "the brokers' policy for new topics does not allow it"),
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
"""The errors that no retry can cure -> what to do."""

_HINTS: Final = (
    (
        kafka_errors.InvalidReplicationFactorError,
        "choose a replication factor of at most the number of brokers",
    ),
)
"""Retriable errors that pass only if the cluster changes -> what a user can do instead of waiting."""

_EXCHANGE: Final = re.compile(r": (Request '.*'|\w+Request) failed with response '.*'\.?")
_BROKER_TEXT: Final = re.compile(r"""error_message=(['"])(.*?)\1""")
_ERROR_CODE: Final = re.compile(r"\[Error (\d+)\]")

_FENCED: Final = (kafka_errors.ProducerFencedError, kafka_errors.InvalidProducerEpochError)


@contextmanager
def client_errors(doing: str) -> Iterator[None]:
    """Raise kafka-python's errors in this block as `Fatal`, `Fenced` or `Retriable`; the text begins with `doing`."""
    try:
        yield
    except kafka_errors.KafkaError as error:
        raise our_error(doing, error) from error


def our_error(doing: str, error: kafka_errors.KafkaError) -> Fatal | Retriable:
    """Our error for a kafka-python error."""
    if isinstance(error, kafka_errors.FencedInstanceIdError):
        return Fatal(_fenced_instance(doing))
    if isinstance(error, kafka_errors.OffsetOutOfRangeError):
        return Fatal(_records_gone(doing, str(error)))
    text = f"{doing}: {error_text(error)}"
    for kind in _kinds(error):
        if remedy := _remedy_of(kind):
            return Fatal(f"{text}; {remedy}")
        if issubclass(kind, _FENCED):
            return Fenced(text)
    hint = next((f"; {hint}" for kind, hint in _HINTS if isinstance(error, kind)), "")
    return Retriable(text + hint)


def _kinds(error: kafka_errors.KafkaError) -> Iterator[type]:
    """The error's type, and the types of the errors that the error carries or quotes.

    After a failure, a producer raises for every further call an error that carries the first one. For a response that
    its transaction manager does not expect, it raises a plain KafkaError with the broker's error code in the text.
    """
    yield from map(type, (error, *error.args))
    if type(error) is kafka_errors.KafkaError and (code := _ERROR_CODE.search(str(error))):
        yield kafka_errors.for_code(int(code[1]))


def _remedy_of(kind: type) -> str:
    """What to do about this type of kafka-python error; "" if a retry may help."""
    return next((remedy for wrong, remedy in _REMEDIES if issubclass(kind, wrong)), "")


def error_text(error: Exception) -> str:
    """The error's name and text on one line, the name once; of a request and its response only the broker's reason."""
    name, text = type(error).__name__, _EXCHANGE.sub(_reason, " ".join(str(error).split()))
    text = text if name in text else f"{name}: {text}"
    return text if len(text) <= MAX_DETAIL_CHARS else f"{text[: MAX_DETAIL_CHARS - 3]}..."


def _reason(exchange: re.Match[str]) -> str:
    reason = _BROKER_TEXT.search(exchange[0])
    return f": {reason[2].rstrip('.')}" if reason else ""


def _fenced_instance(doing: str) -> str:
    """The text for two processes with the same instance id."""
    return (
        f"{doing}: another consumer has joined the group with the same instance id; "
        "give each process its own --instance-id"
    )


def _records_gone(doing: str, detail: str) -> str:
    """The text for a position outside its partition."""
    return (
        f"{doing}: the record at the next offset is deleted ({detail}). On the events topic: its retention is "
        "shorter than the consumer's lag, or the topic was recreated"
    )


def blocked_by_transaction(topic: str, partition: int, position: int, waited_s: float) -> str:
    """The text for a log that can't be read to its end because of an open transaction."""
    return (
        f"{topic}-{partition}: no record within {waited_s:.0f} s at offset {position}: a transaction is open there. "
        f"{END_TRANSACTION}"
    )


def topic_recreated(topic: str) -> str:
    """The text for an events topic that is not the one whose events were ingested."""
    return (
        f"the topic {topic} was deleted and recreated since its events were ingested. To count the events "
        "of the new topic from the start: ltv reset --to-earliest, or a new --prefix and --group"
    )
