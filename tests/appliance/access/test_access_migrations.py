"""A box of the version before: its people, keys, lockouts and usage are there after the update."""

from appliance.access.migrations import MIGRATIONS
from appliance.access.service import AccessService
from tests.appliance.access.doubles import open_db


def test_what_was_there_is_there(tmp_path, audit, clock, passwords):
    path = tmp_path / "old.db"
    old = open_db(path, MIGRATIONS[:1])
    with old.write() as tx:
        tx.execute(
            "INSERT INTO access_users VALUES ('li', 'clinician', 'plain:secret', ?)", [clock.now]
        )
        tx.execute(
            "INSERT INTO access_keys VALUES ('wbk_1', 'emr', 'user:li', x'00', x'00',"
            " '[\"chat\"]', NULL, 1.0, NULL, NULL, 5, NULL)"
        )
        tx.execute(
            "INSERT INTO access_failures VALUES ('locked', 0, ?, ?)", [clock.now, clock.now + 60]
        )
        tx.execute("INSERT INTO access_usage VALUES (0, 'key:wbk_1', 'wbk_1', 'm', 1, 2, 3)")
        tx.execute("INSERT INTO access_usage VALUES (0, 'key:gone', 'gone', 'm', 4, 5, 6)")
    old.close()
    db = open_db(path, MIGRATIONS)
    box = AccessService(db, audit, clock, passwords=passwords)
    try:
        (user,) = box.users()
        assert (user.name, user.disabled, user.source) == ("li", False, "local")
        assert (
            box.sign_in("li", "secret").must is None
        )  # its password's age begins with the account
        (key,) = box.keys()
        assert (key.state, key.limits.rpm, key.limits.rpd) == ("active", 5, None)
        rows = {row.key_id: (row.owner, row.key_name, row.requests) for row in box.usage(0, 1)}
        assert rows == {"wbk_1": ("user:li", "emr", 1), "gone": ("key:gone", "", 4)}
        with db.read() as read:
            (locked,) = read.query(
                "SELECT kind, rounds, locked_until FROM access_attempts WHERE name = 'locked'"
            )
        assert (locked["kind"], locked["rounds"]) == ("name", 1)
    finally:
        box.close()
        db.close()
