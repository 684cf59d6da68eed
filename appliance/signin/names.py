"""Who may have a name in the box: whoever the directory gave it to first, until it is removed here."""

from appliance.access.service import AccessService
from appliance.signin.errors import NameTaken
from appliance.signin.store import SignInStore


def claim_name(
    access: AccessService, store: SignInStore, name: str, source: str, subject: str
) -> None:
    """Make sure that a name is free for a subject, or its own already.

    A person whom the directory has renamed leaves the old name, with its sessions and keys.

    Raises:
        NameTaken: another subject has it, and its account was not removed from the box.
    """
    for known in store.people():
        mine = (known.source, known.subject) == (source, subject)
        if mine and known.name != name:
            access.close_sessions_of(known.name, "directory-renamed", keys=True)
            store.forget(known.name)
        elif known.name == name and not mine:
            if any(user.name == name for user in access.users()):
                raise NameTaken(name=name[:64])
            store.forget(name)
