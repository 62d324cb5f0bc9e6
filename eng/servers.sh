# Sourced by ./demo and ./test: puts the server programs they start on this machine. Installing starts none of them.

trap 'exit 130' INT TERM HUP

# No build server may outlive the command that started it.
export MSBUILDDISABLENODEREUSE=1 UseSharedCompilation=false DOTNET_CLI_USE_MSBUILD_SERVER=0
# Nor may sockets for debuggers stay in the temp folder when a process is killed.
export DOTNET_EnableDiagnostics_IPC=0 DOTNET_EnableDiagnostics_Debugger=0
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1

on_path() { [ -x "$(type -P "$1")" ]; }   # type finds files that nobody may execute, too
has() { on_path "$1" || compgen -G "/usr/lib/postgresql/*/bin/$1" >/dev/null || [ -x "/usr/sbin/$1" ]; }

# The Debian packages of those programs that are not here.
missing() {
    has initdb && has postgres || echo postgresql
    has redis-server && has redis-cli || echo redis-server
    has pgbouncer || echo pgbouncer
    has promtool || [ "${1:-}" != promtool ] || echo prometheus
}

# Runs as root. Debian starts a server when it is installed unless policy-rc.d says 101; ours is temporary, and one that is there stays.
apt_install() {
    set -eu
    local policy=/usr/sbin/policy-rc.d
    trap 'exit 130' INT TERM HUP
    if [ ! -e $policy ]; then
        trap "rm -f $policy" EXIT
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod 755 $policy
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "$@"
    # Nor are they to start at the next boot: this run starts its own.
    if [ -d /run/systemd/system ]; then systemctl disable --quiet "$@" || true; fi
}

# Installs packages by apt; false where there is no apt, or no right to use it.
install_servers() {
    on_path apt-get || return 1
    local root=()
    if [ "$(id -u)" != 0 ]; then
        on_path sudo || return 1
        [ -t 2 ] || sudo -n true 2>/dev/null || return 1   # at a terminal sudo may ask for the password
        root=(sudo)
    fi
    echo "Installing by apt, as they are missing here: $*. Nothing is started or enabled as a system service."
    ${root[@]+"${root[@]}"} bash -c "$(declare -f apt_install); apt_install $*" </dev/null
}

# Builds in Release. A build leaves folders in the temp folder: it gets one of its own, which goes with it.
build() (
    temp=$(mktemp -d)
    runtime=/tmp/.dotnet   # the SDK's first run makes it, for its locks; it does not look at TMPDIR
    [ ! -e $runtime ] || runtime=
    trap 'rm -rf "$temp"; [ -z "$runtime" ] || rmdir $runtime/* $runtime 2>/dev/null || true' EXIT
    trap 'exit 130' INT TERM HUP
    echo "Building $1 in Release…" >&2
    TMPDIR=$temp dotnet build "$1" -c Release -v quiet </dev/null >"$temp/log" 2>&1 || { cat "$temp/log" >&2; exit 1; }
)

# Exits unless the commands can work here at all.
need_dotnet() {
    [ "$(uname -s)" = Linux ] || { echo "Workers share one port in a way that only Linux has: run this on Linux, in WSL, or in a Linux container with the .NET 10 SDK." >&2; exit 1; }
    on_path dotnet || { echo "The .NET 10 SDK is missing: install it (package dotnet-sdk-10.0), then run this again." >&2; exit 1; }
}
