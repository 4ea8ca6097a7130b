# Sourced by the other scripts, after venv.sh: npm packages, as a package-lock.json has them.
#
#   node_ready           those of clients/js, into clients/js/node_modules
#   node_ready FOLDER    those of another folder of this clone
#
# Node and npm come with the development dependencies (requirements-dev.lock), whatever the
# machine has. npm checks every package against its hash in the lock. Nothing is installed while
# the lock is the one that was installed last.

node_patience=300 # seconds for all packages

# The shell's own limit and not only npm's: npm tries again what fails, and has no limit overall.
node_bounded() {
    if command -v timeout >/dev/null; then timeout -k 10 "$node_patience" "$@"; else "$@"; fi
}

node_ready_alone() {
    local folder=$1 name=${1#"$venv_root/"}
    cmp -s "$folder/package-lock.json" "$folder/node_modules/installed.lock" && return
    venv_say "installing $name/package-lock.json"
    # npm's own scripts find Node on the path, and must not find another one.
    (cd "$folder" && PATH="$venv/bin:$PATH" node_bounded "$venv/bin/npm" ci \
        --ignore-scripts --loglevel=error >&2) || return
    cp "$folder/package-lock.json" "$folder/node_modules/installed.lock"
}

# Two scripts started at once take turns, as in venv.sh.
node_ready() (
    set -euo pipefail
    folder=$venv_root/${1:-clients/js}
    exec 9<"$folder"
    if command -v flock >/dev/null; then flock 9; fi
    node_ready_alone "$folder"
)
