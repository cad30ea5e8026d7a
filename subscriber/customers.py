"""Find one customer: the owner of its partition is asked, and if it does not answer, the changelog is read."""

from cluster.log_reader import LogReader
from contract.access_token import AccessToken
from contract.customers import CustomerDetail, StateUnavailable, UnknownCustomer
from contract.topics import Topics
from subscriber.customer_changelog import customer_from_changelog
from subscriber.owner_client import NotHere, ask_owner
from subscriber.owners import Owners


class CustomerFinder:
    """Finds customers of one application, one at a time."""

    def __init__(self, reader: LogReader, topics: Topics, token: AccessToken | None = None) -> None:
        """Find customers by this connection.

        Args:
            reader: used for nothing else meanwhile, and from one thread.
            topics: of the application.
            token: sent to the workers.
        """
        self._reader = reader
        self._topics = topics
        self._token = token
        self._owners = Owners(reader, topics)

    def find_customer(self, customer_id: str) -> CustomerDetail:
        """The customer, and the offset of which its figures are exact.

        Raises:
            UnknownCustomer: no event of the customer has been counted.
            StateUnavailable: its state can't be read now.
            Retriable: the cluster does not answer.
            Fatal: a newer program wrote the changelog, or the settings can't work.
        """
        changelog = self._topics.changelog
        if not self._reader.exists(changelog):
            raise StateUnavailable(
                f"there is no topic {changelog} at {self._reader.servers}: has a consumer run (`ltv consume`)? "
                "Is --prefix right?"
            )
        partitions = self._reader.partitions(changelog)
        self._owners.catch_up(len(partitions))
        home = self._owners.partition_of(customer_id, len(partitions))
        looked_at: dict[int, int] = {}
        found = self._ask_owners(customer_id, home, looked_at)
        if found:
            return found
        for partition in partitions if home is None else [home]:
            if partition not in looked_at:
                read = customer_from_changelog(self._reader, changelog, partition, customer_id)
                if isinstance(read, CustomerDetail):
                    return read
                looked_at[partition] = read
        raise UnknownCustomer(customer_id, looked_at)

    def _ask_owners(
        self, customer_id: str, home: int | None, looked_at: dict[int, int]
    ) -> CustomerDetail | None:
        """The answer of an owner that has the customer; `looked_at` gets the partitions that do not have it."""
        for owner in self._owners.to_ask(home):
            try:
                answer = ask_owner(owner, customer_id, self._token)
            except StateUnavailable:
                continue
            if not isinstance(answer, NotHere):
                return answer
            looked_at.update(answer.looked_at)
        return None
