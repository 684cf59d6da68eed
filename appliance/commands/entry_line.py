"""One audit entry as a line: for eyes, or as JSON."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from appliance.contract.audit import Entry


def show(entry: "Entry", *, as_json: bool) -> None:
    """Print an entry."""
    if as_json:
        print(entry.model_dump_json(), flush=True)
        return
    moment = entry.time.strftime("%Y-%m-%d %H:%M:%S")
    line = f"{entry.index:>8}  {moment}  {entry.tag:<32}  {entry.actor}  {entry.subject or ''}"
    # Names come from outside; what could steer a terminal is shown as a question mark.
    print("".join(sign if sign.isprintable() else "?" for sign in line).rstrip(), flush=True)
