# Sourced by ./demo and ./test: puts the server programs they start on this machine. Installing starts none of them.

trap 'exit 130' INT TERM HUP

# No build server may outlive the command that started it.
export MSBUILDDISABLENODEREUSE=1 UseSharedCompilation=false DOTNET_CLI_USE_MSBUILD_SERVER=0
# Nor may sockets for debuggers stay in the temp folder when a process is killed.
export DOTNET_EnableDiagnostics_IPC=0 DOTNET_EnableDiagnostics_Debugger=0
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1

has() { [ -n "$(type -P "$1")" ] || compgen -G "/usr/lib/postgresql/*/bin/$1" >/dev/null || [ -x "/usr/sbin/$1" ]; }

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

# Installs packages by apt; false where there is no apt.
install_servers() {
    [ -n "$(type -P apt-get)" ] || return 1
    local root=()
    [ "$(id -u)" = 0 ] || root=(sudo)
    echo "Installing by apt, as they are missing here: $*. Nothing is started or enabled as a system service."
    ${root[@]+"${root[@]}"} bash -c "$(declare -f apt_install); apt_install $*" </dev/null
}

# Builds in Release. A build leaves folders in the temp folder: it gets one of its own, which goes with it.
build() (
    temp=$(mktemp -d)
    trap 'rm -rf "$temp"' EXIT
    trap 'exit 130' INT TERM HUP
    echo "Building $1 in Release…" >&2
    TMPDIR=$temp dotnet build "$1" -c Release -v quiet </dev/null >"$temp/log" 2>&1 || { cat "$temp/log" >&2; exit 1; }
)

need_dotnet() {
    [ -n "$(type -P dotnet)" ] || { echo "The .NET 10 SDK is missing: install it (package dotnet-sdk-10.0), then run this again." >&2; exit 1; }
}
