"""A generated client against a running server: SK_TICKETS_URL=http://127.0.0.1:8080 SK_TICKETS_KEY=... python smoke.py"""

import os
import time

from sk_tickets_client import AuthenticatedClient
from sk_tickets_client.api.tickets import create_ticket, list_tickets, transition_ticket
from sk_tickets_client.models import CreateTicket, Order, Problem, Source, Status, Ticket, TicketList, TransitionTicket
from sk_tickets_client.types import UNSET

client = AuthenticatedClient(base_url=os.environ["SK_TICKETS_URL"], token=os.environ["SK_TICKETS_KEY"])
run = f"python-{time.time_ns()}"


def make_ticket(number: int) -> tuple[Ticket, str | None]:
    body = CreateTicket(subject=f"Part {number} delayed", source=Source.VOICE, tags=[run])
    answer = create_ticket.sync_detailed(client=client, body=body, idempotency_key=f"{run}-{number}")
    assert isinstance(answer.parsed, Ticket), answer
    return answer.parsed, answer.headers.get("Idempotent-Replayed")


def list_all() -> list[Ticket]:
    """Reads a list to its end by cursors."""
    tickets: list[Ticket] = []
    cursor: str | None = None
    while True:
        page = list_tickets.sync(client=client, tag=run, limit=2, order=Order.ASC, cursor=cursor or UNSET)
        assert isinstance(page, TicketList), page
        tickets += page.data
        if not page.has_more:
            return tickets
        cursor = page.next_cursor


# The same key makes the same ticket.
(first, replayed), (again, replayed_again) = make_ticket(1), make_ticket(1)
assert again.id == first.id
assert (replayed, replayed_again) == (None, "true")

for number in range(2, 6):
    make_ticket(number)
assert [ticket.subject for ticket in list_all()] == [f"Part {number} delayed" for number in range(1, 6)]

# A refusal is a problem, with its type.
refused = transition_ticket.sync(
    id=first.id, client=client, body=TransitionTicket(to=Status.NEW), idempotency_key=f"{run}-move"
)
assert isinstance(refused, Problem), refused
assert (refused.code, refused.status) == ("illegal_transition", 409)
print("the Python client works")
