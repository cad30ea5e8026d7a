"""librdkafka's errors as ours, in one table: what can be tried again, and what needs a person."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from confluent_kafka import KafkaError, KafkaException

from cluster.errors import Fenced, fenced_instance, records_gone
from contract.errors import Fatal, Retriable

_OUT_OF_RANGE: Final = frozenset({KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE})
_FATAL: Final = frozenset(
    {
        KafkaError._AUTHENTICATION,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.UNSUPPORTED_SASL_MECHANISM,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        KafkaError.UNSUPPORTED_VERSION,
        KafkaError.UNSUPPORTED_COMPRESSION_TYPE,
        KafkaError._UNSUPPORTED_FEATURE,
        KafkaError._INVALID_ARG,
        KafkaError.MSG_SIZE_TOO_LARGE,
    }
)
_FENCED: Final = frozenset(
    {KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH}
)
_FENCED_INSTANCE_TEXT: Final = KafkaError(KafkaError.FENCED_INSTANCE_ID).str()


@contextmanager
def librdkafka_errors(doing: str) -> Iterator[None]:
    """Sort what the client raises into what can be tried again and what can't."""
    try:
        yield
    except (KafkaException, SystemError) as raised:
        cause = raised.__cause__ if isinstance(raised, SystemError) else raised
        if not isinstance(cause, KafkaException):
            raise
        raise _sorted_out(doing, cause.args[0]) from raised


def _sorted_out(doing: str, error: KafkaError) -> Fatal | Retriable:
    said = f"{error.name()}: {error.str()}"
    # An error that ends the whole client comes with a code of its own; its text says which one it was.
    if error.code() == KafkaError.FENCED_INSTANCE_ID or _FENCED_INSTANCE_TEXT in error.str():
        return Fatal(fenced_instance(doing))
    if error.code() in _OUT_OF_RANGE:
        return Fatal(records_gone(doing, said))
    if error.code() in _FATAL:
        return Fatal(f"{doing}: {said}")
    return (Fenced if error.code() in _FENCED else Retriable)(f"{doing}: {said}")
