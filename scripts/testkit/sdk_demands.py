"""What the checks of all SDKs ask with and demand."""

QUESTION = "Why is the sky blue?"
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
WRONG_KEY = "wrong-key"


def demand(holds, what):
    if not holds:
        raise AssertionError(what)


def same(wanted, found):
    demand(wanted == found, f"{found!r} is not {wanted!r}")


def prose(text):
    demand(text and len(text.split()) > 12, f"not a dozen words: {text!r}")


def refused(kind, status, call):
    """The call must raise this error of the SDK's, with this status."""
    try:
        call()
    except kind as error:
        found = getattr(error, "status_code", getattr(error, "code", None))
        same(status, found)
        return error
    raise AssertionError(f"no {kind.__name__} came")


def until(wanted, look, state):
    """Looks until what it sees is in this state."""
    for _ in range(9):
        seen = look()
        if state(seen) == wanted:
            return seen
    raise AssertionError(f"it stays {state(seen)}")
