# The production tiers on this machine alone, in build/tiers: tiers.sh up|run|down.
#   up    a PostgreSQL primary with a synchronous standby, RabbitMQ, Kafka in KRaft mode; loopback, free ports
#   run   four quantad on them, one a service, behind haproxy; then a workstation on the address of the whole
#   down  stops exactly what up and run have started, by pid
# Redis is not among them yet: this quantad keeps its cache in the process.
set -eu
cd "$(dirname "$0")/.."
root=$(pwd)
dir=$root/build/tiers
build=$root/${BUILD:-build}
say() { echo "tiers: $*"; }
as() { # USER COMMAND...: servers that refuse root run as their own user
    user=$1
    shift
    if [ "$(id -u)" = 0 ]; then setpriv --reuid="$user" --regid="$user" --init-groups "$@"; else "$@"; fi
}
own() { if [ "$(id -u)" = 0 ]; then chown -R "$1" "$2"; fi; }
port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
started() { echo "$2 $1" >> "$dir/pids"; } # NAME PID
alive() { kill -0 "$1" 2>/dev/null; }
until_true() { # SECONDS COMMAND...: asks until it holds
    end=$(($(date +%s) + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(date +%s)" -lt "$end" ] || { say "not so: $*"; return 1; }
        sleep 0.1
    done
}
open_port() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

postgres_up() {
    bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
    mkdir -p "$dir/sql"
    own postgres "$dir/sql"
    as postgres "$bin/initdb" -D "$dir/sql/first" -U postgres -A trust -E UTF8 >/dev/null
    primary=$(port)
    printf "listen_addresses='127.0.0.1'\nport=%s\nunix_socket_directories=''\n" "$primary" >> "$dir/sql/first/postgresql.conf"
    as postgres "$bin/pg_ctl" -D "$dir/sql/first" -w -l "$dir/sql/first.log" start >/dev/null
    started postgres-primary "$(head -1 "$dir/sql/first/postmaster.pid")"
    as postgres "$bin/pg_basebackup" -D "$dir/sql/second" -h 127.0.0.1 -p "$primary" -U postgres -R -c fast -X stream
    standby=$(port)
    printf "port=%s\nwal_retrieve_retry_interval=100ms\n" "$standby" >> "$dir/sql/second/postgresql.conf"
    as postgres "$bin/pg_ctl" -D "$dir/sql/second" -w -l "$dir/sql/second.log" start >/dev/null
    started postgres-standby "$(head -1 "$dir/sql/second/postmaster.pid")"
    sql="psql -q -At -h 127.0.0.1 -p $primary -U postgres"
    $sql -c "ALTER SYSTEM SET synchronous_standby_names='*'" -c "SELECT pg_reload_conf()" -c "CREATE DATABASE desk" >/dev/null
    echo "store=postgresql://postgres@127.0.0.1:$primary,127.0.0.1:$standby/desk" >> "$dir/addresses"
    say "PostgreSQL on 127.0.0.1:$primary, its synchronous standby on $standby"
}

rabbit_up() {
    mkdir -p "$dir/rabbit"
    amqp=$(port)
    epmd=$(port)
    printf 'listeners.tcp.1 = 127.0.0.1:%s\nloopback_users = none\ndisk_free_limit.absolute = 20MB\ndefault_user = desk\ndefault_pass = desk\n' "$amqp" > "$dir/rabbit/rabbitmq.conf"
    echo '[].' > "$dir/rabbit/plugins"
    own rabbitmq "$dir/rabbit"
    settings="env LANG=C.UTF-8 HOME=$dir/rabbit ERL_EPMD_PORT=$epmd ERL_EPMD_ADDRESS=127.0.0.1
        RABBITMQ_NODENAME=quanta$amqp@localhost RABBITMQ_DIST_PORT=$(port) RABBITMQ_MNESIA_BASE=$dir/rabbit/mnesia
        RABBITMQ_LOG_BASE=$dir/rabbit/log RABBITMQ_CONFIG_FILE=$dir/rabbit/rabbitmq.conf RABBITMQ_PID_FILE=$dir/rabbit/pid
        RABBITMQ_ENABLED_PLUGINS_FILE=$dir/rabbit/plugins RABBITMQ_CONF_ENV_FILE=/dev/null"
    as rabbitmq $settings setsid /usr/lib/rabbitmq/bin/rabbitmq-server > "$dir/rabbit/out" 2>&1 &
    as rabbitmq $settings /usr/lib/rabbitmq/bin/rabbitmqctl -q wait --timeout 60 "$dir/rabbit/pid" >/dev/null
    started rabbitmq "$(cat "$dir/rabbit/pid")"
    echo "$epmd" > "$dir/epmd"
    echo "queue=amqp://desk:desk@127.0.0.1:$amqp/" >> "$dir/addresses"
    say "RabbitMQ on 127.0.0.1:$amqp"
}

kafka_up() {
    mkdir -p "$dir/broker"
    broker=$(port)
    controller=$(port)
    if sh .ci/kafka.sh "$dir/kafka"; then
        printf 'process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:%s\nlisteners=PLAINTEXT://127.0.0.1:%s,CONTROLLER://127.0.0.1:%s\nadvertised.listeners=PLAINTEXT://127.0.0.1:%s\ncontroller.listener.names=CONTROLLER\nlog.dirs=%s/broker/data\noffsets.topic.replication.factor=1\n' \
            "$controller" "$broker" "$controller" "$broker" "$dir" > "$dir/broker/server.properties"
        java -Xmx256m -cp "$dir/kafka/*" kafka.tools.StorageTool format -t 4L6g3nShT-eMCtK--X86sw -c "$dir/broker/server.properties" > "$dir/broker/format" 2>&1
        setsid java -Xmx384m -cp "$dir/kafka/*" kafka.Kafka "$dir/broker/server.properties" > "$dir/broker/log" 2>&1 &
        started kafka $!
        until_true 60 open_port "$broker"
        say "Kafka (KRaft) on 127.0.0.1:$broker"
    else
        make -s "$build/tests/bench/mock_kafka"
        setsid "$build/tests/bench/mock_kafka" > "$dir/broker/at" 2>&1 &
        started mock-kafka $!
        until_true 10 grep -q : "$dir/broker/at"
        broker=$(sed 's/.*://' "$dir/broker/at")
        say "librdkafka's mock cluster on 127.0.0.1:$broker (Kafka's own distribution cannot be had)"
    fi
    echo "stream=kafka://127.0.0.1:$broker/desk" >> "$dir/addresses"
}

secrets_up() {
    mkdir -p "$dir/secrets"
    (
        cd "$dir/secrets"
        umask 077
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -days 30 -subj /CN=desk 2>/dev/null
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout peer.key -out peer.csr -subj /CN=peer 2>/dev/null
        echo subjectAltName=IP:127.0.0.1 > san
        openssl x509 -req -in peer.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out peer.crt -days 30 -extfile san 2>/dev/null
        openssl rand -hex 32 > token
    )
}

up() {
    [ ! -s "$dir/pids" ] || { say "already up: make tiers-down first"; exit 1; }
    mkdir -p "$dir"
    : > "$dir/addresses"
    : > "$dir/pids"
    postgres_up
    rabbit_up
    kafka_up
    secrets_up
    say "up. make tiers-run opens a desk on them, make tiers-down stops them"
}

services_up() {
    . "$dir/addresses"
    backends=""
    for s in compliance portfolio risk trading; do
        mkdir -p "$dir/$s"
        listen=$(port)
        { # a file: an address that holds a password is on no command line
            printf 'data-dir = %s\nservices = %s\nstore = %s\nstream = %s\nqueue = %s\nmarket = sim\n' "$dir/$s" "$s" "$store" "$stream" "$queue"
            printf 'listen = 127.0.0.1:%s\npeer-cert = %s\npeer-key = %s\npeer-ca = %s\ntoken-file = %s\n' "$listen" \
                "$dir/secrets/peer.crt" "$dir/secrets/peer.key" "$dir/secrets/ca.crt" "$dir/secrets/token"
        } > "$dir/$s/quantad.conf"
        chmod 600 "$dir/$s/quantad.conf"
        setsid "$build/quantad" --config "$dir/$s/quantad.conf" >> "$dir/$s/log" 2>&1 < /dev/null &
        started "quantad-$s" $!
        backends="$backends
    server $s 127.0.0.1:$listen check inter 500ms"
    done
    front=$(port)
    cat > "$dir/haproxy.cfg" <<END
defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 60s
    timeout tunnel 12h
    option redispatch
frontend desk
    bind 127.0.0.1:$front
    default_backend pods
backend pods
    option httpchk
    http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host desk
    balance roundrobin$backends
END
    echo "front=http://127.0.0.1:$front" >> "$dir/addresses"
    for s in compliance portfolio risk trading; do until_true 90 test -s "$dir/$s/endpoint.json"; done
    setsid haproxy -db -f "$dir/haproxy.cfg" > "$dir/haproxy.log" 2>&1 < /dev/null &
    started haproxy $!
    until_true 10 open_port "$front"
    say "four services behind http://127.0.0.1:$front"
}

run() {
    [ -s "$dir/pids" ] || up
    grep -q quantad- "$dir/pids" || services_up
    . "$dir/addresses"
    say "workstation: $build/quanta-tui --url $front --token-file $dir/secrets/token"
    if [ -t 0 ] && [ -t 1 ]; then
        exec "$build/quanta-tui" --url "$front" --token-file "$dir/secrets/token"
    fi
    "$build/quanta-tui" --url "$front" --token-file "$dir/secrets/token" --screenshot 160x48
}

down() {
    [ -f "$dir/pids" ] || { say "nothing is up"; return 0; }
    tac "$dir/pids" | while read -r pid name; do
        alive "$pid" || continue
        case $name in postgres-*) kill -INT "$pid" ;; *) kill "$pid" ;; esac
        end=$(($(date +%s) + 20))
        while alive "$pid" && [ "$(date +%s)" -lt $end ]; do sleep 0.1; done
        if alive "$pid"; then say "$name does not end; killed" && kill -9 "$pid"; fi
        say "stopped $name"
    done
    [ ! -f "$dir/epmd" ] || ERL_EPMD_PORT=$(cat "$dir/epmd") epmd -kill >/dev/null 2>&1 || true
    for d in pids addresses epmd sql rabbit broker secrets trading risk portfolio compliance haproxy.cfg haproxy.log; do rm -rf "${dir:?}/$d"; done
}

case ${1:-} in
up | run | down) "$1" ;;
*)
    echo "usage: tiers.sh up|run|down" >&2
    exit 2
    ;;
esac
