#!/bin/bash
# Bring up a real OpenStack control plane with fake computes, loopback only, no systemd, no containers.
# usage: [STATE_DIR=..] [COMPUTES=6] [TELEMETRY=0|1] ./up.sh            (may be run again: starts what is not running)
set -eu
T0=$(date +%s.%N)
. "$(dirname "$0")/env.sh"
unset PYTHONPATH PYTHONHOME; export PYTHONWARNINGS=ignore PYTHONDONTWRITEBYTECODE=
mkdir -p "$STATE_DIR"

# 1. packages -----------------------------------------------------------------------------------
DEBS="mariadb-server-core mariadb-client-core rabbitmq-server memcached gcc libc6-dev"
command -v curl >/dev/null || DEBS="$DEBS curl"
missing() { for f in /usr/sbin/mariadbd /usr/bin/mariadb /usr/lib/rabbitmq/bin/rabbitmq-server /usr/bin/memcached; do [ -x $f ] || return 0; done; ! command -v curl >/dev/null; }
logged() { # logged LOG CMD...   shows the end of the log when it fails
  local log=$1; shift
  "$@" >"$log" 2>&1 || { tail -n 20 "$log" >&2; echo "failed: $* (see $log)" >&2; return 1; }
}
if missing; then
  [ "$(id -u)" = 0 ] || { echo "not root: install $DEBS first" >&2; exit 1; }
  say "installing Debian packages"
  # keeps the packages from starting daemons of their own
  [ -e /usr/sbin/policy-rc.d ] || { trap 'rm -f /usr/sbin/policy-rc.d' EXIT; printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d; chmod +x /usr/sbin/policy-rc.d; }
  logged "$STATE_DIR/apt.log" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive logged "$STATE_DIR/apt.log" apt-get install -y -qq --no-install-recommends $DEBS
fi
if ! [ -x "$VENV/bin/nova-compute" ] || ! [ -x "$VENV/bin/uwsgi" ]; then
  say "creating the virtual environment (some minutes)"
  "${PYTHON:-python3.11}" -m venv "$VENV"
  logged "$STATE_DIR/pip.log" nice -n "$NICENESS" "$VENV/bin/pip" install -q -r "$HERE/requirements.lock"
fi
PATH=$VENV/bin:$PATH
cp "$HERE/virt_devcloud.py" "$("$VENV/bin/python" -c "import sysconfig; print(sysconfig.get_path('purelib'))")/nova/virt/devcloud.py"

# 2. configuration ------------------------------------------------------------------------------
. "$HERE/mkconf.sh"
say "configuration written"

# 3. message bus and database -------------------------------------------------------------------
start memcached memcached -u root -l $IP -p $P_MEMC -U 0 -m 64
start epmd epmd -address $IP -port $P_EPMD
start rabbitmq env HOME="$DATA" RABBITMQ_CONF_ENV_FILE="$ETC/rabbitmq-env.conf" \
  RABBITMQ_NODENAME=devcloud$PORT_BASE@localhost RABBITMQ_NODE_IP_ADDRESS=$IP RABBITMQ_NODE_PORT=$P_AMQP RABBITMQ_DIST_PORT=$P_DIST \
  ERL_EPMD_PORT=$P_EPMD ERL_EPMD_ADDRESS=$IP RABBITMQ_CONFIG_FILE="$ETC/rabbitmq" \
  RABBITMQ_ENABLED_PLUGINS_FILE="$ETC/enabled_plugins" RABBITMQ_MNESIA_BASE="$DATA/mnesia" RABBITMQ_LOG_BASE="$LOG" \
  RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}" \
  /usr/lib/rabbitmq/bin/rabbitmq-server
if ! [ -d "$DATA/mysql/mysql" ]; then
  mariadb-install-db --no-defaults --user=root --datadir="$DATA/mysql" --auth-root-authentication-method=normal \
     --skip-test-db >"$LOG/mariadb-install.log" 2>&1
fi
start mariadb /usr/sbin/mariadbd --defaults-file="$ETC/my.cnf"
sql() { mariadb --no-defaults -uroot -S "$SOCK" "$@"; }
for _ in $(seq 300); do sql -e 'select 1' >/dev/null 2>&1 && break; sleep 0.1; done
say "database up"

wait_port() { for _ in $(seq "${2:-600}"); do (exec 3<>/dev/tcp/$IP/$1) 2>/dev/null && return 0; sleep 0.1; done; echo "port $1 did not open, see $LOG" >&2; return 1; }
wait_http() { for _ in $(seq 600); do curl -s -o /dev/null --noproxy '*' "$1" && return 0; sleep 0.1; done; echo "$1 does not answer, see $LOG" >&2; return 1; }

# 4. schemas (first time only) ------------------------------------------------------------------
q() { nice -n "$NICENESS" "$@" >>"$LOG/dbsync.log" 2>&1 || { echo "failed: $* (see $LOG/dbsync.log)" >&2; return 1; }; }
nova_manage() { q nova-manage $NOVA_CTL "$@"; }
DBS="keystone placement glance nova_api nova_cell0 nova_cell1 neutron aodh"
if ! [ -f "$DATA/.schemas" ]; then
  for d in $DBS; do sql -e "create database if not exists $d character set utf8mb3"; done
  mkdir -p "$DATA/keystone"
  ( q keystone-manage --config-file "$ETC/keystone/keystone.conf" db_sync
    q keystone-manage --config-file "$ETC/keystone/keystone.conf" fernet_setup --keystone-user root --keystone-group root
    q keystone-manage --config-file "$ETC/keystone/keystone.conf" bootstrap --bootstrap-password "$PASSWORD" --bootstrap-region-id RegionOne \
        --bootstrap-admin-url $AUTH_URL --bootstrap-internal-url $AUTH_URL --bootstrap-public-url $AUTH_URL
    q placement-manage --config-file "$ETC/placement/placement.conf" db sync
    q glance-manage --config-file "$ETC/glance/glance-api.conf" db_sync
  ) & a=$!
  ( nova_manage api_db sync
    nova_manage cell_v2 map_cell0 --database_connection "$(db nova_cell0)"
    nova_manage db sync
    nova_manage cell_v2 create_cell --name cell1
    q neutron-db-manage --config-file "$ETC/neutron/neutron.conf" --config-file "$ETC/neutron/ml2_conf.ini" upgrade heads
  ) & b=$!
  wait $a; wait $b
  touch "$DATA/.schemas"; say "schemas created"
fi

if [ "$TELEMETRY" = 1 ] && ! [ -f "$DATA/.schema-aodh" ]; then
  q aodh-dbsync --config-file "$ETC/aodh/.aodh/aodh.conf"
  touch "$DATA/.schema-aodh"
fi

# 5. services -----------------------------------------------------------------------------------
api() { # api NAME PORT MODULE THREADS ENV...
  local n=$1 port=$2 mod=$3 thr=$4; shift 4
  start "$n" env "$@" uwsgi --http-socket $IP:$port --module $mod:application --master --processes "$API_WORKERS" --threads "$thr" \
    --enable-threads --lazy-apps --need-app --die-on-term --buffer-size 65535 --add-header "Connection: close" --disable-logging --log-date --procname-prefix "$n "
}
api keystone   $P_KEYSTONE  keystone.wsgi.api  1 OS_KEYSTONE_CONFIG_FILES="$ETC/keystone/keystone.conf"
wait_http http://$IP:$P_KEYSTONE/v3
say "keystone up"
if ! [ -f "$DATA/.identity" ]; then
  "$VENV/bin/python" "$HERE/bootstrap.py" identity "$AUTH_URL" "$PASSWORD" "$IP" $P_PLACEMENT $P_NOVA $P_GLANCE $P_NEUTRON $P_AODH
  touch "$DATA/.identity"; say "service accounts and endpoints made"
fi
wait_port $P_AMQP; say "rabbitmq up"
api placement  $P_PLACEMENT placement.wsgi.api 4 OS_PLACEMENT_CONFIG_DIR="$ETC/placement"
start nova-conductor nova-conductor $NOVA_CTL
start nova-scheduler nova-scheduler $NOVA_CTL
start neutron-rpc neutron-rpc-server --config-file "$ETC/neutron/neutron.conf" --config-file "$ETC/neutron/ml2_conf.ini"
api neutron-api $P_NEUTRON  neutron.wsgi.api   2 OS_NEUTRON_CONFIG_DIR="$ETC/neutron" OS_NEUTRON_CONFIG_FILES="neutron.conf;ml2_conf.ini"
api nova-api   $P_NOVA      nova.wsgi.osapi_compute 4 OS_NOVA_CONFIG_DIR="$ETC/nova" OS_NOVA_CONFIG_FILES="$VENV/etc/nova/api-paste.ini;nova.conf;nova-db.conf"
api glance-api $P_GLANCE    glance.wsgi.api    2 OS_GLANCE_CONFIG_DIR="$ETC/glance"
HOSTS=; TODO=
for i in $(seq 1 "$COMPUTES"); do h=$(hostname_n "$i"); HOSTS="$HOSTS $h"; alive "nova-compute.$h" || TODO="$TODO $h"; done
wait_http http://$IP:$P_PLACEMENT/; say "placement up"
if [ -n "$TODO" ]; then
  if [ "$ZYGOTE" = 1 ]; then
    nice -n "$NICENESS" "$VENV/bin/python" "$HERE/computes.py" "$ETC/nova" "$LOG" "$RUN" $TODO >>"$LOG/computes.log" 2>&1 </dev/null
  else
    for h in $TODO; do start "nova-compute.$h" nova-compute --config-file "$ETC/nova/nova.conf" --config-file "$ETC/nova/$h.conf"; done
  fi
  say "computes launched"
fi
if [ "$TELEMETRY" = 1 ]; then
  api aodh-api $P_AODH aodh.wsgi.api 2 HOME="$ETC/aodh"
  start aodh-listener aodh-listener --config-file "$ETC/aodh/.aodh/aodh.conf"
  start aodh-notifier aodh-notifier --config-file "$ETC/aodh/.aodh/aodh.conf"
  start ceilometer-notification ceilometer-agent-notification --config-file "$ETC/ceilometer/ceilometer.conf"
fi
wait_http http://$IP:$P_NEUTRON/; wait_http http://$IP:$P_NOVA/; wait_http http://$IP:$P_GLANCE/; say "APIs up"
logged "$LOG/agents.log" "$VENV/bin/python" "$HERE/agents.py" "$ETC/neutron" $HOSTS; say "layer-2 agents registered for every host"
cat >"$ETC/clouds.yaml" <<X
clouds:
  devcloud: &admin
    auth: {auth_url: "$AUTH_URL", username: admin, password: "$PASSWORD", project_name: admin, user_domain_name: Default, project_domain_name: Default}
    region_name: RegionOne
    identity_api_version: 3
X
"$VENV/bin/python" "$HERE/bootstrap.py" resources "$AUTH_URL" "$PASSWORD" $HOSTS
[ "$TELEMETRY" != 1 ] || wait_http http://$IP:$P_AODH/
say "cloud is up: $COMPUTES computes. export OS_CLIENT_CONFIG_FILE=$ETC/clouds.yaml OS_CLOUD=devcloud"
