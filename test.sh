#!/bin/sh
# test.sh: every check of WardBox. --quick leaves out what takes minutes; CI runs the whole.
# --api-fuzz runs schemathesis alone, over the whole OpenAPI document, for three minutes.
# --vm boots a whole machine under QEMU and plays eight scenes on it (docs/operate/storage.md).
set -eu
# Compiled code is kept: every program that a test starts would else compile the same modules again.
unset PYTHONDONTWRITEBYTECODE
# Tests that compute share the cores with other tests, as `wardbox` shares them: models/hardware/waiting.py.
export GOMP_SPINCOUNT="${GOMP_SPINCOUNT:-1000}"
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
    # The machine installs from what ./install.sh would make here.
    PYTHONPATH="$root" PYTHONSAFEPATH=1 "$python" -m installer prepare >/dev/null
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
failed=0
tests() { "$bin/python" -m pytest -q -o cache_dir="$aside/cache" "$@" || failed=$?; }
if [ "$quick" = yes ]; then
    which="not slow and not frozen and not gpu"
    tests -n "$jobs" --dist loadgroup -m "$which"
else
    which="not gpu"
    tests -n "$jobs" --dist loadgroup -m "$which" --cov --cov-report=
    "$bin/coverage" report --skip-covered | tail -n 40
fi
# Up to three that failed run once more, alone: what passes then failed for the company it had on a machine
# that was too busy. It stays in the output above, to be looked into; what fails again fails the run.
losers="$aside/cache/v/cache/lastfailed"
count() { "$bin/python" -c 'import json, sys; print(len(json.load(open(sys.argv[1]))))' "$1"; }
if [ "$failed" = 1 ] && [ "$(count "$losers")" -le 3 ]; then # 1: tests failed, and all of them ran
    part "失败者单独再试 once more, alone"
    failed=0
    tests --last-failed --last-failed-no-failures none -m "$which"
fi

part "类型 mypy --strict"
wait "$types" || failed=1
cat "$aside/types"

part "楼层与箭头 import-linter"
wait "$floors" || failed=1
cat "$aside/floors"
[ "$failed" = 0 ]
