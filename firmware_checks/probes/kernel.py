"""Observes the running kernel: command line, lockdown, taint, modules, flaws, core dumps."""

import re
from typing import Final

from firmware_checks.facts import CoreDumpFacts, KernelFacts, Reading, Reason, Unread
from firmware_checks.probes.tree import Tree, number, switch

_COMMAND_LINE: Final = "/proc/cmdline"
_LOCKDOWN: Final = "/sys/kernel/security/lockdown"
_TAINT: Final = "/proc/sys/kernel/tainted"
_SIGNATURES: Final = "/sys/module/module/parameters/sig_enforce"
_DISABLED: Final = "/proc/sys/kernel/modules_disabled"
_FLAWS: Final = "/sys/devices/system/cpu/vulnerabilities"
_COREDUMP_CONF: Final = "/etc/systemd/coredump.conf"
_LEVELS: Final = frozenset({"none", "integrity", "confidentiality"})


def kernel(tree: Tree) -> Reading[KernelFacts]:
    """The state of the kernel, each part on its own."""
    return KernelFacts(
        command_line=_command_line(tree.text(_COMMAND_LINE)),
        lockdown=_lockdown(tree),
        taint=number(tree.text(_TAINT), _TAINT),
        module_signatures=switch(tree.text(_SIGNATURES), _SIGNATURES),
        modules_disabled=switch(tree.text(_DISABLED), _DISABLED),
    )


def _command_line(found: Reading[str]) -> Reading[tuple[str, ...]]:
    if isinstance(found, Unread):
        return found
    return split_command_line(found)


def split_command_line(line: str) -> tuple[str, ...]:
    """The parameters of a kernel command line, as the kernel's next_arg() splits them.

    Double quotes hold blanks together and fall away; what follows "--" belongs to init.
    """
    words: list[str] = []
    for match in re.finditer(r'(?:"[^"]*(?:"|$)|[^\s"])+', line):
        word = match.group().replace('"', "")
        if word == "--":
            break
        words.append(word)
    return tuple(words)


def _lockdown(tree: Tree) -> Reading[str]:
    found = tree.text(_LOCKDOWN)
    if isinstance(found, Unread):
        # The list of security modules shows that securityfs is there and lockdown is not built in.
        modules = tree.text("/sys/kernel/security/lsm")
        if found.reason is Reason.ABSENT and not isinstance(modules, Unread):
            return "none"
        return found
    chosen = re.search(r"\[(\w+)\]", found)
    level = chosen.group(1) if chosen else found.strip()
    if level not in _LEVELS:
        return Unread(Reason.MALFORMED, _LOCKDOWN, f"unknown level {level[:40]!r}")
    return level


def vulnerabilities(tree: Tree) -> Reading[dict[str, str]]:
    """What the kernel says about each known processor flaw: name -> its line."""
    names = tree.names(_FLAWS)
    if isinstance(names, Unread):
        return names
    found: dict[str, str] = {}
    for name in names:
        line = tree.text(f"{_FLAWS}/{name}")
        # One line that cannot be read must not hide another that says "Vulnerable".
        if isinstance(line, Unread):
            found[name] = f"Unread: {line.reason.value}"
        else:
            found[name] = " ".join(line.split())
    if not found:
        return Unread(Reason.ABSENT, _FLAWS, "the kernel reports on no flaw")
    return found


def core_dumps(tree: Tree) -> Reading[CoreDumpFacts]:
    """Where core dumps go, and what systemd-coredump keeps of them."""
    dumpable = "/proc/sys/fs/suid_dumpable"
    return CoreDumpFacts(
        pattern=tree.text("/proc/sys/kernel/core_pattern"),
        suid_dumpable=number(tree.text(dumpable), dumpable),
        systemd_storage=_systemd_storage(tree),
        first_process_limit=_core_limit(tree),
    )


def _systemd_storage(tree: Tree) -> Reading[str]:
    """The last Storage= of coredump.conf and its drop-ins, in systemd's order."""
    paths = [_COREDUMP_CONF]
    drop_ins = tree.names(f"{_COREDUMP_CONF}.d")
    if not isinstance(drop_ins, Unread):
        paths += [f"{_COREDUMP_CONF}.d/{name}" for name in drop_ins if name.endswith(".conf")]
    value: Reading[str] = Unread(Reason.ABSENT, _COREDUMP_CONF, "Storage= is not set")
    for path in paths:
        text = tree.text(path)
        if isinstance(text, Unread):
            continue
        for match in re.finditer(r"^\s*Storage\s*=\s*(\w+)\s*$", text, re.MULTILINE):
            value = match.group(1).lower()
    return value


def _core_limit(tree: Tree) -> Reading[str]:
    """The hard limit on core files of the first process, which services inherit."""
    source = "/proc/1/limits"
    text = tree.text(source)
    if isinstance(text, Unread):
        return text
    match = re.search(r"^Max core file size\s+\S+\s+(\S+)", text, re.MULTILINE)
    return match.group(1) if match else Unread(Reason.MALFORMED, source, "no core file size")
