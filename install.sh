#!/bin/sh
# install.sh: brings up a working WardBox. Finds a Python to start from; the installer package does the rest.
set -eu
root=$(dirname -- "$(readlink -f -- "$0")")

# The system's own Python first: its owner patches it, and it is built to be fast, which many others are not.
find_python() {
    for candidate in /usr/bin/python3.11 python3.11 python3; do
        found=$(command -v "$candidate" || true)
        if [ -n "$found" ] && "$found" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
            echo "$found"
            return
        fi
    done
}

python=$(find_python)
[ ! -x /usr/bin/python3.11 ] || [ "$python" = /usr/bin/python3.11 ] || python=
if [ -z "$python" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    case " $* " in
        *" --rehearse "*) ;;
        *)
            echo "[0] Python 3.11: apt-get install python3 python3-venv"
            DEBIAN_FRONTEND=noninteractive apt-get update -q >/dev/null || true
            DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends python3 python3-venv ca-certificates >/dev/null || true
            ;;
    esac
fi
[ -n "$python" ] || python=$(find_python)
if [ -z "$python" ]; then
    echo "需要带 venv 的 Python 3.11。请管理员运行:apt-get install -y python3 python3-venv" >&2
    echo "Python 3.11 with venv is needed. Ask an administrator to run: apt-get install -y python3 python3-venv" >&2
    exit 3
fi
PYTHONPATH="$root" PYTHONSAFEPATH=1 PYTHONDONTWRITEBYTECODE=1 exec "$python" -m installer install "$@"
