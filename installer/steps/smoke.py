"""Step: the first admission note of a new box, drafted and checked."""

from dataclasses import dataclass

from installer.conversation import Conversation
from installer.errors import SmokeFailed
from installer.host import Host
from installer.journal import Journal
from installer.newborn import Newborn
from installer.places import Site
from models.reference.example import example_facts


@dataclass(frozen=True, slots=True)
class Smoke:
    """Drafts the example note and looks at what came back. Runs once per box."""

    site: Site
    box: Conversation
    journal: Journal
    newborn: Newborn
    wanted: bool = True

    name = "smoke"
    title = "试写入院记录 draft a trial admission note"

    def needed(self) -> bool:
        """True until a note was drafted on this box, and again for a box made by this run."""
        if not self.wanted:
            return False
        return self.newborn.waiting or self.journal.last(self.name) != "done"

    def apply(self, host: Host) -> None:
        """Draft one.

        Raises:
            SmokeFailed: no note, an empty one, or one with unresolved flags.
        """
        host.perform("起草示例入院记录 draft the example note", lambda: self._draft(host))

    def undo(self, host: Host) -> None:
        """A drafted note leaves only its audit record, which goes with the box."""

    def _draft(self, host: Host) -> None:
        if self.box.health() == "locked":
            host.say(
                "      保险库已锁定,跳过试写 the vault is locked: skipped (wardbox vault unlock)"
            )
            return
        draft = self.box.draft(example_facts().to_json())
        if not draft.note.text.strip():
            raise SmokeFailed(reason="空记录 an empty note", log=self.site.state / "logs")
        host.say("")
        host.say(draft.note.text)
        host.say("")
        host.say(
            f"      {draft.seconds:.1f} s · 模型 model {draft.model} · 回执 receipt {draft.receipt} · "
            f"修正 repairs {len(draft.repairs)} · 标记 flags {len(draft.flags)}"
        )
