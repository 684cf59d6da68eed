"""Step: the first administrator of a new box."""

from dataclasses import dataclass

from appliance.settings.layout import StateLayout
from installer.answers import Answers, read_secret
from installer.conversation import Conversation
from installer.host import Host
from installer.journal import Journal
from installer.newborn import Newborn, unborn
from installer.places import Site
from secure_compute.passwords import generate_password


@dataclass(frozen=True, slots=True)
class Administrator:
    """Lets one person in, with a password from the answers or one that is shown once."""

    site: Site
    answers: Answers
    newborn: Newborn
    box: Conversation
    journal: Journal

    name = "administrator"
    title = "第一位管理员 first administrator"

    def needed(self) -> bool:
        """True for a box that this run makes, until its administrator exists."""
        layout = StateLayout(self.site.state)
        return unborn(layout, self.journal) and self.newborn.password is None

    def apply(self, host: Host) -> None:
        """Make the account through the box's own API, so that it is on the record."""
        host.perform(f"账户 account {self.answers.administrator}", self._create)

    def undo(self, host: Host) -> None:
        """The account lies in the vault, which goes as a whole."""

    def _create(self) -> None:
        given = self.answers.administrator_password_file
        password = read_secret(given) if given is not None else generate_password()
        self.box.create_user(self.answers.administrator, password, "administrator")
        self.newborn.administrator = self.answers.administrator
        self.newborn.password = password
