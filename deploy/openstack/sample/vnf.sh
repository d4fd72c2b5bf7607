#!/bin/sh
# The sample VNF without Heat, in the project that OS_CLOUD (or OS_*) names.
# usage: vnf.sh up FLAVOR IMAGE NETWORK MANAGER_URL [WORKERS]   vnf.sh down
# As a hook of the sample VNFM: vnf.sh SCALE_IN (one worker less), vnf.sh MAINTENANCE_COMPLETE (as many as there were).
# A VNF that `up` did not make is the Heat stack `sample`, or the one that FENIX_SAMPLE_STACK names.
set -eu
name=sample_nonha_app
notes=${FENIX_SAMPLE_NOTES:-$HOME/.fenix-sample-vnf}
workers() { openstack server list --name "^$name" -f value -c Name | sort; }
scale() { openstack stack update --existing --wait --parameter workers="$1" "${FENIX_SAMPLE_STACK:-sample}" >/dev/null; }
boot() { # boot NAME [OPTION...]
  server=$1; shift
  openstack server create --flavor "$FLAVOR" --image "$IMAGE" --network "$NETWORK" --wait "$@" "$server" >/dev/null
}
case ${1:-} in
up)
  FLAVOR=$2 IMAGE=$3 NETWORK=$4
  printf 'FLAVOR="%s" IMAGE="%s" NETWORK="%s"\n' "$FLAVOR" "$IMAGE" "$NETWORK" >"$notes"
  group=$(openstack server group create --policy anti-affinity sample_ha_app_group -f value -c id)
  for n in 0 1; do boot sample_ha_app_$n --hint group="$group"; done
  for n in $(seq 0 $((${6:-2} - 1))); do boot "${name}_$n"; done
  openstack alarm create --name fenix --type event --event-type maintenance.scheduled \
    --repeat-actions True --alarm-action "$5" >/dev/null
  ;;
down)
  openstack alarm delete --name fenix
  openstack server list --name '^sample_(non)?ha_app' -f value -c ID | xargs -r openstack server delete --wait
  openstack server group list -f value -c ID -c Name | awk '$2 == "sample_ha_app_group" {print $1}' |
    xargs -r openstack server group delete
  rm -f "$notes" "$notes".*
  ;;
SCALE_IN)
  worker=$(workers | tail -n 1)
  [ -n "$worker" ] || { echo "there is no worker left" >&2; exit 1; }
  if [ -e "$notes" ]; then
    echo "$worker" >>"$notes.released"
    openstack server delete --wait "$worker"
  else
    now=$(workers | wc -l)
    [ -e "$notes.before" ] || echo "$now" >"$notes.before"
    scale $((now - 1))
  fi
  ;;
MAINTENANCE_COMPLETE)
  if [ -e "$notes.released" ]; then
    . "$notes"
    while read -r worker; do boot "$worker" </dev/null; done <"$notes.released"
  elif [ -e "$notes.before" ]; then
    scale "$(cat "$notes.before")"
  fi
  rm -f "$notes.released" "$notes.before"
  ;;
*) sed -n 2,5p "$0"; exit 2 ;;
esac
