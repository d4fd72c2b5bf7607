# Sourced by up.sh: writes every configuration file below $ETC.
mkdir -p "$ETC"/{keystone,placement,glance,nova,neutron,aodh/.aodh,ceilometer} "$DATA"/{glance/images,glance/staging,glance/tasks,nova,neutron,mnesia} "$LOG" "$RUN"

authtoken() { cat <<X
[keystone_authtoken]
www_authenticate_uri = $AUTH_URL
$(svcauth "$1")
service_token_roles = service
service_token_roles_required = true
memcached_servers = $IP:$P_MEMC
X
}
svcauth() { cat <<X
auth_url = $AUTH_URL
auth_type = password
project_domain_name = Default
user_domain_name = Default
project_name = service
username = $1
password = $PASSWORD
region_name = RegionOne
X
}
rabbit() { cat <<X
[oslo_messaging_rabbit]
rabbit_retry_interval = 1
rabbit_retry_backoff = 1
rabbit_interval_max = 3
kombu_reconnect_delay = 0.5
X
}
notif() { echo "[oslo_messaging_notifications]"; [ "$TELEMETRY" = 1 ] && echo "driver = messagingv2" || echo "driver = noop"; }

cat >"$ETC/my.cnf" <<X
[mysqld]
datadir = $DATA/mysql
socket = $SOCK
port = $P_MYSQL
bind-address = $IP
pid-file = $DATA/mysqld.pid
user = root
skip-log-bin
skip-name-resolve
max_connections = 2000
character-set-server = utf8mb3
innodb_buffer_pool_size = 256M
innodb_flush_log_at_trx_commit = 0
innodb_flush_method = nosync
innodb_doublewrite = 0
innodb_log_file_size = 96M
performance_schema = off
X

cat >"$ETC/rabbitmq.conf" <<X
listeners.tcp.1 = $IP:$P_AMQP
default_user = devcloud
default_pass = $PASSWORD
loopback_users = none
vm_memory_high_watermark.absolute = 1GB
disk_free_limit.absolute = 100MB
log.file = false
log.console = true
log.console.level = warning
X
echo "[]." >"$ETC/enabled_plugins"; : >"$ETC/rabbitmq-env.conf"

cat >"$ETC/keystone/keystone.conf" <<X
[DEFAULT]
log_dir =
use_stderr = true
transport_url = $TRANSPORT
[database]
connection = $(db keystone)
[token]
provider = fernet
expiration = 86400
[fernet_tokens]
key_repository = $DATA/keystone/fernet-keys
[credential]
key_repository = $DATA/keystone/credential-keys
[identity]
# the default (12) costs a quarter of a second of CPU for every login
password_hash_rounds = 4
[cache]
# must be shared: a per-process cache (dogpile.cache.memory) disagrees between the two workers
enabled = true
backend = dogpile.cache.pymemcache
memcache_servers = $IP:$P_MEMC
[oslo_messaging_notifications]
driver = noop
X

cat >"$ETC/placement/placement.conf" <<X
[DEFAULT]
use_stderr = true
[api]
auth_strategy = keystone
[placement_database]
connection = $(db placement)
$(authtoken placement)
X

cat >"$ETC/glance/glance-api.conf" <<X
[DEFAULT]
use_stderr = true
bind_host = $IP
enabled_backends = local:file
transport_url = $TRANSPORT
[database]
connection = $(db glance)
[glance_store]
default_backend = local
[local]
filesystem_store_datadir = $DATA/glance/images
[os_glance_staging_store]
filesystem_store_datadir = $DATA/glance/staging
[os_glance_tasks_store]
filesystem_store_datadir = $DATA/glance/tasks
[paste_deploy]
flavor = keystone
config_file = $VENV/etc/glance/glance-api-paste.ini
[oslo_messaging_notifications]
driver = noop
$(authtoken glance)
X

# in-tree fake drivers announce 1000 vCPU / 800000 MB / 600000 GB, so reserve all but what we want
RESERVE="reserved_host_memory_mb = 0"
case $COMPUTE_DRIVER in fake.*) RESERVE="reserved_host_cpus = $((1000-HOST_VCPUS))
reserved_host_memory_mb = $((800000-HOST_RAM_MB))
reserved_host_disk_mb = $(((600000-HOST_DISK_GB)*1024))";; esac
cat >"$ETC/nova/nova.conf" <<X
[DEFAULT]
state_path = $DATA/nova
use_stderr = true
debug = ${NOVA_DEBUG:-false}
transport_url = $TRANSPORT
my_ip = $IP
compute_driver = $COMPUTE_DRIVER
$RESERVE
initial_cpu_allocation_ratio = 1.0
initial_ram_allocation_ratio = 1.0
initial_disk_allocation_ratio = 1.0
# a dead nova-compute is reported down after service_down_time (defaults: 10 / 60)
report_interval = 5
service_down_time = 20
# defaults are 60 and 1800: how long a call to a dead nova-compute blocks
rpc_response_timeout = 30
long_rpc_timeout = 60
# the fake L2 agents never send network-vif-plugged
vif_plugging_is_fatal = false
vif_plugging_timeout = 0
allow_resize_to_same_host = false
update_resources_interval = 30
osapi_compute_unique_server_name_scope =
[api]
auth_strategy = keystone
[wsgi]
api_paste_config = $VENV/etc/nova/api-paste.ini
[conductor]
workers = 1
[scheduler]
workers = 1
discover_hosts_in_cells_interval = 10
max_attempts = 10
[filter_scheduler]
# the scheduler asks the database who is where: what it remembers is up to two minutes late after a live migration (README, 17)
track_instance_changes = false
enabled_filters = ComputeFilter,ComputeCapabilitiesFilter,ImagePropertiesFilter,ServerGroupAntiAffinityFilter,ServerGroupAffinityFilter,SameHostFilter,DifferentHostFilter,AggregateInstanceExtraSpecsFilter
[compute]
live_migration_wait_for_vif_plug = ${LM_WAIT_VIF:-false}
max_concurrent_live_migrations = 1
resource_provider_association_refresh = 300
[quota]
driver = nova.quota.NoopQuotaDriver
[notifications]
notify_on_state_change = vm_and_task_state
notification_format = unversioned
[vnc]
enabled = false
[oslo_concurrency]
lock_path = $DATA/nova/locks
[glance]
valid_interfaces = public
region_name = RegionOne
[neutron]
valid_interfaces = public
$(svcauth nova)
service_metadata_proxy = false
[placement]
valid_interfaces = public
$(svcauth placement)
[service_user]
send_service_user_token = true
$(svcauth nova)
[keystone]
valid_interfaces = public
$(svcauth nova)
$(notif)
$(rabbit)
$(authtoken nova)
X

# nova-compute must not see a database, so it lives in a file only the control services read
cat >"$ETC/nova/nova-db.conf" <<X
[DEFAULT]
host = $CONTROLLER
[api_database]
connection = $(db nova_api)
max_pool_size = 10
[database]
connection = $(db nova_cell1)
max_pool_size = 10
X

cat >"$ETC/neutron/neutron.conf" <<X
[DEFAULT]
state_path = $DATA/neutron
use_stderr = true
transport_url = $TRANSPORT
core_plugin = ml2
service_plugins =
api_paste_config = $VENV/etc/neutron/api-paste.ini
auth_strategy = keystone
rpc_workers = 1
rpc_state_report_workers = 0
# one registration of each host's L2 agent is enough: it times out after 24 days (the largest value allowed)
agent_down_time = 2147483
notify_nova_on_port_status_changes = true
notify_nova_on_port_data_changes = true
dhcp_agent_notification = false
[agent]
root_helper = false
[database]
connection = $(db neutron)
max_pool_size = 10
[nova]
$(svcauth nova)
[placement]
$(svcauth placement)
[oslo_concurrency]
lock_path = $DATA/neutron/locks
[oslo_messaging_notifications]
driver = noop
[quotas]
default_quota = -1
quota_port = -1
quota_network = -1
quota_subnet = -1
quota_security_group = -1
quota_security_group_rule = -1
$(rabbit)
$(authtoken neutron)
X
cat >"$ETC/neutron/ml2_conf.ini" <<X
[ml2]
type_drivers = local
tenant_network_types = local
mechanism_drivers = openvswitch
extension_drivers = port_security
[securitygroup]
enable_security_group = true
firewall_driver = noop
X

cat >"$ETC/aodh/.aodh/aodh.conf" <<X
[DEFAULT]
use_stderr = true
transport_url = $TRANSPORT
# a new alarm is seen at once (default: cached 60 s per project)
event_alarm_cache_ttl = 0
rest_notifier_max_retries = 1
[api]
auth_mode = keystone
[database]
connection = $(db aodh)
[listener]
workers = 1
[notifier]
workers = 1
[service_credentials]
$(svcauth aodh)
interface = public
[oslo_messaging_notifications]
driver = noop
$(rabbit)
$(authtoken aodh)
X

cat >"$ETC/ceilometer/ceilometer.conf" <<X
[DEFAULT]
use_stderr = true
transport_url = $TRANSPORT
event_pipeline_cfg_file = $ETC/ceilometer/event_pipeline.yaml
[notification]
workers = 1
pipelines = event
notification_control_exchanges = nova
notification_control_exchanges = openstack
notification_control_exchanges = fenix
[event]
definitions_cfg_file = $ETC/ceilometer/event_definitions.yaml
X
# what fenix ships, as it ships it
cp "$HERE/../../deploy/openstack/event_pipeline.yaml" "$HERE/../../deploy/openstack/event_definitions.yaml" "$ETC/ceilometer/"
for i in $(seq 1 "$COMPUTES"); do h=$(hostname_n "$i"); mkdir -p "$DATA/nova/$h"
  [ -f "$ETC/nova/$h.conf" ] || cat >"$ETC/nova/$h.conf" <<X
[DEFAULT]
host = $h
# own state_path: nova-compute keeps its node uuid in the file compute_id there
state_path = $DATA/nova/$h
X
done
