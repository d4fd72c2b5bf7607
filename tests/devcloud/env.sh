# Common settings for up.sh / down.sh / ctl.sh.  Every value can be overridden from the environment.
STATE_DIR=${STATE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/devcloud}      # config, data, logs, pids, venv
VENV=${VENV:-$STATE_DIR/venv}
COMPUTES=${COMPUTES:-6}                    # number of fake nova-compute services
HOST_PREFIX=${HOST_PREFIX:-compute}        # hosts are compute01, compute02, ...
CONTROLLER=${CONTROLLER:-controller01}     # host name of the control services
PORT_BASE=${PORT_BASE:-18700}              # all TCP ports are PORT_BASE + small offset, loopback only
COMPUTE_DRIVER=${COMPUTE_DRIVER:-devcloud.Driver}   # or in-tree: fake.FakeDriverWithoutFakeNodes, fake.FakeLiveMigrateDriver, ...
HOST_VCPUS=${HOST_VCPUS:-16}               # usable capacity per fake host (at most 1000)
HOST_RAM_MB=${HOST_RAM_MB:-32768}          # at most 800000
HOST_DISK_GB=${HOST_DISK_GB:-400}          # at most 600000
TELEMETRY=${TELEMETRY:-0}                  # 1 = also aodh + ceilometer-agent-notification
ZYGOTE=${ZYGOTE:-1}                        # 1 = fork computes from one pre-imported parent (less RAM/CPU)
PASSWORD=${PASSWORD:-devcloud}             # throw-away password of every account, loopback only
NICENESS=${NICENESS:-5}
API_WORKERS=${API_WORKERS:-2}
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ETC=$STATE_DIR/etc DATA=$STATE_DIR/data LOG=$STATE_DIR/log RUN=$STATE_DIR/run
NOVA_CTL="--config-file $ETC/nova/nova.conf --config-file $ETC/nova/nova-db.conf"
IP=127.0.0.1
export DEVCLOUD_VCPUS=$HOST_VCPUS DEVCLOUD_RAM_MB=$HOST_RAM_MB DEVCLOUD_DISK_GB=$HOST_DISK_GB
P_KEYSTONE=$((PORT_BASE+0)) P_MYSQL=$((PORT_BASE+6)) P_AODH=$((PORT_BASE+42)) P_EPMD=$((PORT_BASE+69))
P_MEMC=$((PORT_BASE+11)) P_AMQP=$((PORT_BASE+72)) P_DIST=$((PORT_BASE+73)) P_NOVA=$((PORT_BASE+74)) P_PLACEMENT=$((PORT_BASE+78))
P_GLANCE=$((PORT_BASE+92)) P_NEUTRON=$((PORT_BASE+96))
AUTH_URL=http://$IP:$P_KEYSTONE/v3
SOCK=$DATA/mysql.sock
TRANSPORT=rabbit://devcloud:$PASSWORD@$IP:$P_AMQP//
db() { echo "mysql+pymysql://root@localhost/$1?unix_socket=$SOCK&charset=utf8"; }
hostname_n() { printf '%s%02d' "$HOST_PREFIX" "$1"; }

# --- tiny process supervisor: pid + kernel start time, so a recycled pid is never signalled ---
_started() { awk '{sub(/^.*\) /,""); print $20}' "/proc/$1/stat" 2>/dev/null; }
alive() { local p s; [ -s "$RUN/$1.pid" ] || return 1; read -r p s <"$RUN/$1.pid"; [ "$(_started "$p")" = "$s" ]; }
start() { # start NAME CMD...   (own session => pid is also the process group id)
  local n=$1 p; shift
  alive "$n" && return 0
  setsid nice -n "$NICENESS" "$@" >>"$LOG/$n.log" 2>&1 </dev/null &
  p=$!; sleep 0.05; echo "$p $(_started $p)" >"$RUN/$n.pid"
}
stop() { # stop NAME [SIGNAL] [SECONDS]
  local n=$1 sig=${2:-TERM} t=$(( ${3:-15} * 10 )) p s
  if alive "$n"; then
    read -r p s <"$RUN/$n.pid"
    kill -"$sig" -- "-$p" 2>/dev/null || kill -"$sig" "$p" 2>/dev/null
    while [ $t -gt 0 ] && [ "$(_started "$p")" = "$s" ] && [ "$(awk '{sub(/^.*\) /,""); print $1}' /proc/$p/stat 2>/dev/null)" != Z ]; do sleep 0.1; t=$((t-1)); done
    kill -KILL -- "-$p" 2>/dev/null
  fi
  rm -f "$RUN/$n.pid"
}
say() { printf '[%5.1fs] %s\n' "$(awk -v a="$T0" -v b="$(date +%s.%N)" 'BEGIN{print b-a}')" "$*"; }
