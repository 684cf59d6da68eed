"""How a program is started that cannot outlive its parent, however that one ends."""

from typing import Final

# The kernel tells of no death that came before setpriv had asked for it; whoever was born an orphan
# finds another parent than the one that started it. What a shell adds to the environment goes again.
_BORN: Final = '[ "$PPID" = "$1" ] || exit 1; unset PWD OLDPWD; shift; exec "$@"'


def tied(setpriv: str, parent: int | None, *options: str) -> tuple[str, ...]:
    """What stands before a program and its arguments so that it cannot outlive its parent.

    Args:
        setpriv: The program of util-linux, from version 2.33 on.
        parent: Process id of whoever starts it: a program whose parent is dead already ends with
            status 1 before it has begun. None where something else sees to that.
        options: More of setpriv's.
    """
    born = () if parent is None else ("/bin/sh", "-c", _BORN, "sh", str(parent))
    return (setpriv, "--pdeathsig", "KILL", *options, "--", *born)
