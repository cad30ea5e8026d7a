"""Finds customers for several requests at a time: each has its own connection, and leaves it to the next one."""

from collections import deque
from collections.abc import Callable

from cluster.log_reader import LogReader
from contract.access_token import AccessToken
from contract.customers import CustomerDetail
from contract.errors import Retriable
from contract.topics import Topics
from subscriber.customers import CustomerFinder


class PooledCustomers:
    """As many connections as there were requests at the same time."""

    def __init__(self, connect: Callable[[], LogReader], topics: Topics, token: AccessToken | None) -> None:
        """Prepare; `token` is what the workers ask for."""
        self._connect, self._topics, self._token = connect, topics, token
        self._idle: deque[tuple[LogReader, CustomerFinder]] = deque()

    def find_customer(self, customer_id: str) -> CustomerDetail:
        """One customer, as `CustomerFinder.find_customer`. A connection that failed is not used again."""
        reader, finder = self._take()
        is_usable = True
        try:
            return finder.find_customer(customer_id)
        except Retriable:
            is_usable = False
            raise
        finally:
            if is_usable:
                self._idle.append((reader, finder))
            else:
                reader.close()

    def _take(self) -> tuple[LogReader, CustomerFinder]:
        try:
            return self._idle.pop()
        except IndexError:
            reader = self._connect()
            return reader, CustomerFinder(reader, self._topics, self._token)

    def close(self) -> None:
        """Close the connections that nobody uses."""
        while self._idle:
            self._idle.pop()[0].close()
