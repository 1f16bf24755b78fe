# Measures for the README's table: run.sh BUILD. Peers (htop) are installed when they can be.
set -e
build=$1
export QUANTA_BUILD="$build"
if ! command -v htop >/dev/null && [ "$(id -u)" = 0 ]; then apt-get -qq -o DPkg::Lock::Timeout=300 install -y htop >/dev/null 2>&1 || true; fi
echo "machine: $(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release)"
echo "| what | measured |"
echo "|---|---|"
fresh=$(mktemp -d)
start=$(date +%s.%N)
make -s -j2 BUILD="$fresh" all
printf '| %-62s | %s |\n' "clean build of the three programs, two cores (s)" "$(echo "$(date +%s.%N) $start" | awk '{printf "%.1f", $1 - $2}')"
rm -rf "$fresh"
"$build/tests/bench/bench"
