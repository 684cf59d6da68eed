"""IHE's profiles of AuditEvent, read from their own source (FSH), and held against a resource."""

import re
from pathlib import Path

ALIASES = {"DCM": "http://dicom.nema.org/resources/ontology/DCM"}
_RULE = re.compile(r"\* (\S+)(?: (\d+)\.\.(\d*|\*))?(?: (?:=|from) (\S+))?")
_SLICE = re.compile(r"(\w+)\s+(\d+)\.\.(\d+|\*)")


class Profiles:
    """All profiles and value sets of a folder of FSH files."""

    def __init__(self, folder: Path) -> None:
        self.parents, self.rules, self.sets = {}, {}, {}
        for path in sorted(folder.glob("*.fsh")):
            for block in re.split(
                r"\n(?=(?:Profile|ValueSet|Instance|CodeSystem): )", path.read_text()
            ):
                self._read(block)

    def _read(self, block: str) -> None:
        block = re.sub(r'"""[\s\S]*?"""', "", block)
        lines = [line.split(" //")[0].strip() for line in block.splitlines()]
        if block.lstrip().startswith("ValueSet:"):
            name = block.split(":", 1)[1].split()[0]
            self.sets[name] = {
                code(line[2:].split()[0]) for line in lines if re.match(r"\* http|\* DCM", line)
            }
        found = re.search(r"Id:\s+(\S+)", block)
        if not re.search(r"(?m)^Profile:", block) or found is None:
            return
        name = re.search(r"Profile:\s+(\S+)", block).group(1)
        self.parents[name] = re.search(r"Parent:\s+(\S+)", block).group(1)
        self.rules[name] = [line for line in lines if line.startswith("* ")]
        for path, slices in re.findall(
            r"(?m)^\* (\w+) contains((?:\s+\w+ \d+\.\.[\d*]+\s*(?:and)?)+)", block
        ):
            self.rules[name] += [
                f"+ {path} {one} {least} {most}" for one, least, most in _SLICE.findall(slices)
            ]

    def chain(self, name: str) -> list[str]:
        parent = self.parents[name]
        return ([] if parent == "AuditEvent" else self.chain(parent)) + self.rules[name]

    def complaints(self, name: str, event: dict) -> list[str]:
        """What of a profile a resource breaks."""
        rules, found = self.chain(name), []
        counts = {
            (p, s): (least, most)
            for p, s, least, most in (line.split()[1:] for line in rules if line.startswith("+ "))
        }
        for (path, part), (least, most) in counts.items():
            fitting = self.fitting(path, part, event, rules)
            if not int(least) <= len(fitting) <= (99 if most == "*" else int(most)):
                found.append(f"{path}[{part}] {len(fitting)} times")
            for element in fitting:
                found += self._element(f"{path}[{part}]", element, rules)
        found += self._element("", event, [line for line in rules if "[" not in line])
        return found

    def fitting(self, path: str, part: str, event: dict, rules: list[str]) -> list[dict]:
        key = f"{path}[{part}]" if path == "subtype" else f"{path}[{part}].type"
        wanted = set()
        for line in rules:
            match = _RULE.match(line)
            if match and match.group(1) == key and match.group(4):
                wanted |= self.sets.get(match.group(4), {code(match.group(4))})
        return [
            one
            for one in event[path]
            if wanted & codes(one if path == "subtype" else one.get("type"))
        ]

    def _element(self, prefix: str, element: dict, rules: list[str]) -> list[str]:
        found = []
        for line in rules:
            match = _RULE.match(line)
            if match is None or not match.group(1).startswith(prefix) or "^" in line:
                continue
            path = match.group(1)[len(prefix) :].lstrip(".")
            if not path or " only " in line:
                continue
            value = element
            for step in path.split("."):
                value = value.get(step) if isinstance(value, dict) else None
            _, least, most, wanted = match.groups()
            many = len(value) if isinstance(value, list) else int(value is not None)
            if least and not int(least) <= many <= (99 if most in {"", "*"} else int(most)):
                found.append(f"{prefix}{path} {many} times")
            if wanted and value is not None and path not in {"subtype", "agent", "entity"}:
                allowed = self.sets.get(wanted, {code(wanted)})
                if not allowed & (codes(value) | {("", str(value).lower())}):
                    found.append(f"{prefix}{path} is {value}")
        return found


def code(text: str) -> tuple[str, str]:
    system, mark, value = text.strip('"').partition("#")
    return (ALIASES.get(system, system), value) if mark and system else ("", value or system)


def codes(value) -> set[tuple[str, str]]:
    if isinstance(value, str):
        return {("", value), ("http://terminology.hl7.org/CodeSystem/audit-event-outcome", value)}
    if isinstance(value, dict):
        inner = value.get("coding", [value])
        told = {(one.get("system", ""), one.get("code", "")) for one in inner}
        # A code system of BALP's own is named by its name in FSH and by its address on the wire.
        return told | {(system.rpartition("/")[2], word) for system, word in told}
    return set()
