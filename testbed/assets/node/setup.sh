# Runs once inside the new namespaces. $RUN: folder of the node; $ADDRESS: its address, the other end is the machine.
set -eu
mount --make-rshared /
# Sockets, names of network namespaces, links to logs, caches whose places cannot be chosen: not in the machine's own
# folders. What may stay there of a node is an empty /var/lib/cni and /var/lib/kubelet, to mount on.
for dir in /run /var/log /var/lib/cni /var/lib/kubelet; do
  mkdir -p "$dir"
  mount -t tmpfs -o mode=755 tmpfs "$dir"
done
ip link set lo up
ip addr add "$ADDRESS/30" dev eth0
ip link set eth0 up # no default route: nothing can leave
# So that programs of the node may dial cluster addresses; kube-proxy rewrites them before they are routed.
ip link add svc0 type bridge
ip link set svc0 up
ip route add 10.96.0.0/16 dev svc0 src "$ADDRESS"
set_own() { [ ! -e "/proc/sys/$1" ] || echo "$2" >"/proc/sys/$1"; }
set_own net/ipv4/ip_forward 1
set_own net/bridge/bridge-nf-call-iptables 1
set_own net/ipv4/conf/all/route_localnet 1
# A connection that a NetworkPolicy refuses is always refused at once, not after a timeout from the seventh on.
set_own net/ipv4/icmp_ratelimit 0
# The kubelet insists on six settings of the whole machine. It is shown files that hold what it wants, and writes nothing.
show() {
  mkdir -p "$RUN/sysctl/$(dirname "$1")"
  echo "$2" >"$RUN/sysctl/$1"
  mount --bind "$RUN/sysctl/$1" "/proc/sys/$1"
}
show vm/overcommit_memory 1
show vm/panic_on_oom 0
show kernel/panic 10
show kernel/panic_on_oops 1
show kernel/keys/root_maxkeys 1000000
show kernel/keys/root_maxbytes 25000000
