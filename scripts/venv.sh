# Sourced by the other scripts: makes .venv with the locked dependencies and keeps it right.
#
#   venv_ready        what Streamhold runs on (requirements.lock)
#   venv_ready dev    the tools of the tests too (requirements-dev.lock, which holds both)
#   venv_ready litellm  .venv-litellm: what it runs on with that extra (requirements-litellm.lock),
#                     apart from the tests' tools, whose SDKs are newer than it takes
#
# Every package is checked against its hash in the lock. Nothing is installed while the lock
# is the one that was installed last; a broken, half-made or moved .venv is made anew. PYTHON
# names the interpreter to use; else the first Python of at least 3.11 that is found.
#
# Streamhold itself is put on the path by a .pth file and a launcher: an editable install
# would need a build tool that is in no lock. `pip install .` works as well, elsewhere.

venv_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv="$venv_root/.venv"

venv_say() { printf '%s\n' "$*" >&2; }

venv_is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

venv_find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3.11 python3.12 python3.13 python3.14 python3; do
        if venv_is_new_enough "$candidate"; then
            printf '%s\n' "$candidate"
            return
        elif [ "$candidate" = "${PYTHON:-}" ]; then
            venv_say "PYTHON=$PYTHON is not a Python of at least 3.11."
            return 1
        fi
    done
    venv_say "Streamhold needs Python 3.11 or newer; PYTHON=/path/to/python3 names one."
    return 1
}

# Debian packs ensurepip apart, and venv fails without it.
venv_need_ensurepip() {
    local package
    "$1" -c 'import ensurepip, venv' 2>/dev/null && return
    package=$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        venv_say "installing $package: this Python can't make virtual environments"
        apt-get update -qq >&2 || true
        DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
            "$package" >/dev/null && "$1" -c 'import ensurepip' && return
    fi
    venv_say "This Python ($1) can't make virtual environments. On Debian or Ubuntu:" \
        "apt-get install $package. Or name another one with PYTHON=/path/to/python3."
    return 1
}

# Made here, by an interpreter that is still there and new enough, and with pip.
venv_is_whole() {
    [ "$(cat "$venv/made-at" 2>/dev/null)" = "$venv" ] &&
        venv_is_new_enough "$venv/bin/python" &&
        "$venv/bin/python" -c 'import pip' 2>/dev/null
}

venv_make() {
    local python launcher="$venv/bin/streamhold"
    python=$(venv_find_python) || return
    venv_need_ensurepip "$python" || return
    venv_say "making ${venv##*/} with $("$python" --version)"
    rm -rf "$venv"
    "$python" -m venv "$venv" || return
    printf '%s\n' "$venv_root" >"$("$venv/bin/python" -c \
        'import sysconfig; print(sysconfig.get_path("purelib"))')/streamhold.pth"
    cat >"$launcher" <<END
#!/bin/sh
exec "$venv/bin/python" -P -c \\
    "from broker.cli.main import main; main(prog_name='streamhold')" "\$@"
END
    chmod +x "$launcher"
    printf '%s\n' "$venv" >"$venv/made-at"
}

venv_install() {
    local lock=$1
    venv_say "installing $lock"
    rm -f "$venv"/*.lock
    "$venv/bin/python" -m pip install --quiet --no-input --disable-pip-version-check \
        --root-user-action ignore --require-hashes -r "$venv_root/$lock" || return
    cp "$venv_root/$lock" "$venv/$lock"
}

venv_has() { cmp -s "$venv_root/$1" "$venv/$1"; }

venv_ready_alone() {
    if [ "${1:-}" = litellm ]; then venv="$venv_root/.venv-litellm"; fi
    venv_is_whole || venv_make || return
    if [ "${1:-}" = litellm ]; then
        venv_has requirements-litellm.lock || venv_install requirements-litellm.lock
    elif [ "${1:-}" = dev ]; then
        venv_has requirements-dev.lock || venv_install requirements-dev.lock
    else
        venv_has requirements.lock || venv_has requirements-dev.lock ||
            venv_install requirements.lock
    fi
}

# Two scripts started at once take turns, where the system has flock. The lock is on the
# clone's own folder: .venv may go away while it is held.
venv_ready() (
    set -euo pipefail
    exec 9<"$venv_root"
    if command -v flock >/dev/null; then flock 9; fi
    venv_ready_alone "$@"
)
