"""librdkafka's errors as ours, in one table: what can be tried again, and what needs a person."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from kafka import errors as kafka_errors

from cluster.errors import LOGIN, Fenced, fenced_instance, records_gone, remedy_of
from contract.errors import Fatal, Retriable

_OUT_OF_RANGE: Final = frozenset({KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE})
_REMEDIES: Final = {
    KafkaError._AUTHENTICATION: LOGIN,
    KafkaError._UNSUPPORTED_FEATURE: "this librdkafka was built without it: use --transport kafka-python",
    KafkaError._INVALID_ARG: "librdkafka does not take this setting: choose another, or --transport kafka-python",
}
"""What librdkafka itself can't do by trying again; a broker's answer is looked up in `cluster.errors`."""
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
        raise _our_error(doing, cause.args[0]) from raised


def _our_error(doing: str, error: KafkaError) -> Fatal | Retriable:
    code = error.code()
    said = f"{error.name()}: {' '.join(error.str().split())}"
    # An error that ends the whole client comes with a code of its own; its text says which one it was.
    if code == KafkaError.FENCED_INSTANCE_ID or _FENCED_INSTANCE_TEXT in error.str():
        return Fatal(fenced_instance(doing))
    if code in _OUT_OF_RANGE:
        return Fatal(records_gone(doing, said))
    remedy = remedy_of(kafka_errors.for_code(code)) if code > 0 else _REMEDIES.get(code)
    if remedy:
        return Fatal(f"{doing}: {said}; {remedy}")
    return (Fenced if code in _FENCED else Retriable)(f"{doing}: {said}")
