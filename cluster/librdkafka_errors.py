"""librdkafka's errors mapped to ours, in one table: which can be retried, and which need a person."""

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
    KafkaError._UNSUPPORTED_FEATURE: "this librdkafka was built without this feature: use --transport kafka-python",
    KafkaError._INVALID_ARG: "librdkafka rejects this setting: choose another value, or --transport kafka-python",
}
"""librdkafka's own errors that no retry can cure -> what to do; `cluster.errors` has the brokers' errors."""
_FENCED: Final = frozenset(
    {KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH}
)
_FENCED_INSTANCE_TEXT: Final = KafkaError(KafkaError.FENCED_INSTANCE_ID).str()


@contextmanager
def librdkafka_errors(doing: str) -> Iterator[None]:
    """Raise librdkafka's errors in this block as `Fatal`, `Fenced` or `Retriable`; the text begins with `doing`."""
    try:
        yield
    except (KafkaException, SystemError) as raised:
        cause = raised.__cause__ if isinstance(raised, SystemError) else raised
        if not isinstance(cause, KafkaException):
            raise
        raise _our_error(doing, cause.args[0]) from raised


def _our_error(doing: str, error: KafkaError) -> Fatal | Retriable:
    code = error.code()
    text = f"{error.name()}: {' '.join(error.str().split())}"
    # An error that ends the client has the code _FATAL; only its text names the original error.
    if code == KafkaError.FENCED_INSTANCE_ID or _FENCED_INSTANCE_TEXT in error.str():
        return Fatal(fenced_instance(doing))
    if code in _OUT_OF_RANGE:
        return Fatal(records_gone(doing, text))
    remedy = remedy_of(kafka_errors.for_code(code)) if code > 0 else _REMEDIES.get(code)
    if remedy:
        return Fatal(f"{doing}: {text}; {remedy}")
    return (Fenced if code in _FENCED else Retriable)(f"{doing}: {text}")
