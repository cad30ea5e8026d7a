"""`ltv customer`: show one customer, also one who is not in the ranking."""

from typing import Annotated, Final

import typer

from contract.access_token import AccessToken
from contract.customers import MAX_ORDERS_LISTED
from contract.events import MAX_ID_CHARS
from contract.topics import DEFAULT_PREFIX, Topics
from ltv.connected_log_reader import connected_log_reader
from ltv.console.consoles import stdout_console
from ltv.console.customer_view import CustomerView
from ltv.console.json_line import print_json
from ltv.options import BootstrapServers, Prefix

DEFAULT_ORDERS: Final = 10


def customer(
    customer_id: Annotated[str, typer.Argument(metavar="ID", help="The customer's id.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as one JSON line.")] = False,
    orders: Annotated[
        int, typer.Option(min=0, max=MAX_ORDERS_LISTED, help="How many orders to show, newest first.")
    ] = DEFAULT_ORDERS,
    bootstrap_servers: BootstrapServers = None,
    prefix: Prefix = DEFAULT_PREFIX,
) -> None:
    """Show one customer: lifetime value and how it comes about, orders, active weeks.

    The worker that owns the customer's partition is asked. If it does not answer, the changelog is read, which takes
    longer. The output says up to which offset of the partition all events are counted. The exit code is 1 if the
    customer is unknown. If workers require a token, set LTV_ACCESS_TOKEN.
    """
    from subscriber.customers import CustomerFinder

    if not 1 <= len(customer_id) <= MAX_ID_CHARS:
        raise typer.BadParameter(f"an id has 1 to {MAX_ID_CHARS} characters", param_hint="ID")
    token = AccessToken.from_environment()
    with connected_log_reader(bootstrap_servers) as reader:
        found = CustomerFinder(reader, Topics(prefix=prefix), token).find_customer(customer_id)
    if as_json:
        print_json(found)
    else:
        stdout_console().print(CustomerView(found, orders=orders))
