"""What the document cannot say, and so the fuzzer cannot know. Whatever is not named here is a failure."""

import itertools
import re

import schemathesis

_numbers = itertools.count(1)
_LAWFUL_KEY = re.compile(r"[!-~]{1,255}")

# A request that keeps to its schema is refused with one of these only for what is stored.
STATE = {
    "invalid_cursor": "a cursor is lawful only if the server made it, which no pattern says",
    "cursor_filter_mismatch": "a cursor of one list or filter is none of another",
    "precondition_failed": "the version in If-Match is not the ticket's",
    "reason_required": "whether a reason is wanted depends on the status that the ticket has",
    "resolution_note_required": "whether a note is wanted depends on the status that is asked for",
    "owner_required": "whether an owner is wanted depends on the ticket that is stored",
}

# Which characters beyond ASCII are letters and which make words of their own is beyond a pattern.
WORDS = ("`q` must have a letter or a digit", "`q` must have at most 32 different words")

# Likewise faults of one field.
STATE_OF_FIELDS = {
    "unknown_queue": "the queues are in the database",
    "invalid_range": "which of two times is the earlier one, and how far they are apart, no schema says",
    "too_early": "which of two numbers is the smaller one, no schema says",
    "duplicate": "whether a member of two items is the same, no schema says",
    "invalid_origin": "which names of hosts there are, no pattern says",
    "not_found": "which tickets there are, to be followed up, is in the database",
    "invalid_url": "what a URL is, no pattern says",
    "invalid_reference": "likewise, of evidence that is a URL; the patterns of ids are in the document",
    "https_required": "whether a webhook may go to a URL, the server decides by its host, its port and how it is called",
    "credentials_in_url": "likewise",
    "port_not_allowed": "likewise",
    "address_not_allowed": "likewise",
    "host_not_allowed": "likewise",
}


# What is answered by a page and not by a problem.
FOR_PEOPLE = {
    "POST /tickets/v1/forms/{id}/page": "a submission needs the token of a page, which no pattern says",
}


@schemathesis.hook
def before_call(context, case, kwargs):
    """Gives each mutation an idempotency key of its own, unless the case is about a key that is not lawful."""
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and _LAWFUL_KEY.fullmatch(key):
        case.headers["Idempotency-Key"] = f"case-{next(_numbers)}"


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Keeps the failures that are none of the exceptions."""
    if type(failure).__name__ != "RejectedPositiveData":
        return True
    if any(component.mode.is_negative for component in case.meta.components.values()):
        # The tool has made this part unlawful itself, but counts the case among the lawful.
        return False
    if case.operation.label in FOR_PEOPLE:
        return False
    problem = response.json()
    if problem["code"] == "validation_failed":
        return not all(fault["code"] in STATE_OF_FIELDS for fault in problem["errors"])
    if problem["code"] == "invalid_parameter":
        return problem["detail"] not in WORDS
    return problem["code"] not in STATE
