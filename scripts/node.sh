# Sourced by the other scripts, after venv.sh: the npm packages of the tests of clients/js.
#
#   node_ready        installs clients/js/package-lock.json into clients/js/node_modules
#
# Node and npm come with the development dependencies (requirements-dev.lock), whatever the
# machine has. npm checks every package against its hash in the lock. Nothing is installed while
# the lock is the one that was installed last.

node_root="$venv_root/clients/js"
node_patience=300 # seconds for all packages

# The shell's own limit and not only npm's: npm tries again what fails, and has no limit overall.
node_bounded() {
    if command -v timeout >/dev/null; then timeout -k 10 "$node_patience" "$@"; else "$@"; fi
}

node_ready_alone() {
    cmp -s "$node_root/package-lock.json" "$node_root/node_modules/installed.lock" && return
    venv_say "installing clients/js/package-lock.json"
    # npm's own scripts find Node on the path, and must not find another one.
    (cd "$node_root" && PATH="$venv/bin:$PATH" node_bounded "$venv/bin/npm" ci \
        --ignore-scripts --loglevel=error >&2) || return
    cp "$node_root/package-lock.json" "$node_root/node_modules/installed.lock"
}

# Two scripts started at once take turns, as in venv.sh.
node_ready() (
    set -euo pipefail
    exec 9<"$node_root"
    if command -v flock >/dev/null; then flock 9; fi
    node_ready_alone
)
