"""The table at the end of the audit benchmark: goals, and how each was met."""

from dataclasses import dataclass, field


@dataclass
class Table:
    """The goals, and how each was met.

    Args:
        rows: what, figure, goal, whether it was met.
    """

    rows: list[tuple[str, str, str, bool]] = field(default_factory=list)

    def add(self, what: str, figure: str, goal: str, *, met: bool) -> None:
        """Put a goal into the table."""
        self.rows.append((what, figure, goal, met))

    def show(self) -> int:
        """Print it; the number of goals that were missed."""
        print(f"\n{'':34}{'seen':>22}{'goal':>22}")
        for what, figure, goal, met in self.rows:
            print(f"{what:<34}{figure:>22}{goal:>22}  {'ok' if met else 'MISSED'}")
        return sum(not row[-1] for row in self.rows)
