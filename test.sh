#!/bin/sh
# test.sh: every check of WardBox. --quick leaves out what takes minutes; CI runs the whole.
# --api-fuzz runs schemathesis alone, over the whole OpenAPI document, for three minutes.
# --vm boots a whole machine under QEMU and plays five scenes on it (docs/operate/storage.md).
set -eu
# Compiled code is kept: every program that a test starts would else compile the same modules again.
unset PYTHONDONTWRITEBYTECODE
root=$(dirname -- "$(readlink -f -- "$0")")
cd "$root"
quick=no
[ "${1:-}" = "--quick" ] && quick=yes

part() { printf '\n== %s\n' "$1"; }

part "环境 environment"
for python in /usr/bin/python3.11 python3.11 python3; do
    if "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then break; fi
done
PYTHONPATH="$root" PYTHONSAFEPATH=1 "$python" -m installer prepare --group dev
bin="$root/.venv/bin"
jobs=$(nproc)
[ "$jobs" -gt 4 ] && jobs=4

if [ "${1:-}" = "--api-fuzz" ]; then
    part "接口模糊测试 schemathesis"
    WARDBOX_FUZZ_SECONDS=180 exec "$bin/python" -m pytest -q tests/apifuzz
fi

if [ "${1:-}" = "--vm" ]; then
    part "整机测试 whole machine"
    shift
    exec "$bin/python" -m tests.vm "$@"
fi

part "代码规则 ruff"
"$bin/ruff" check .
"$bin/ruff" format --check -q .

# These two use one core each, so they go on beside the tests; what they said is shown below.
aside=$(mktemp -d) types='' floors=''
trap 'kill $types $floors 2>/dev/null || true; rm -rf "$aside"' EXIT
trap 'exit 130' INT TERM
"$bin/mypy" >"$aside/types" 2>&1 &
types=$!
"$bin/lint-imports" >"$aside/floors" 2>&1 &
floors=$!

part "测试 pytest"
failed=no
if [ "$quick" = yes ]; then
    "$bin/python" -m pytest -q -n "$jobs" --dist loadgroup -m "not slow and not frozen and not gpu" || failed=yes
else
    "$bin/python" -m pytest -q -n "$jobs" --dist loadgroup -m "not gpu" --cov --cov-report= || failed=yes
    "$bin/coverage" report --skip-covered | tail -n 40
fi

part "类型 mypy --strict"
wait "$types" || failed=yes
cat "$aside/types"

part "楼层与箭头 import-linter"
wait "$floors" || failed=yes
cat "$aside/floors"
[ "$failed" = no ]
