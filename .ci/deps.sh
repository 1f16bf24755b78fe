# Installs the Debian packages that building and testing need, when one is missing, and those named as arguments.
set -e
need="gcc make pkg-config libncurses-dev libcurl4-openssl-dev libjansson-dev libwebsockets-dev libssl-dev
 libpq-dev libsqlite3-dev libhiredis-dev librdkafka-dev librabbitmq-dev libxml2-dev libopenblas-dev
 libcmocka-dev libvterm-dev zlib1g-dev tzdata $*"
missing=""
for p in $need; do
    dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null | grep -q '^installed$' || missing="$missing $p"
done
[ -z "$missing" ] && exit 0
sudo=""
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "missing:$missing - install them as root, then run make again" >&2; exit 1; }
    sudo="sudo"
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get -qq -o DPkg::Lock::Timeout=300 update
$sudo apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends $missing >/dev/null
