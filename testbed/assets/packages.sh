#!/bin/sh
# Installs the Debian packages that a real node, its images and the checks of scripts need, those that are missing. Root
# only.
set -eu
wanted="busybox-static conntrack containerd containernetworking-plugins debian-archive-keyring ethtool iproute2 ipset iptables
  mmdebstrap nftables runc shellcheck gnupg"
missing=
for package in $wanted; do
  [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | cut -c1-2)" = ii ] || missing="$missing $package"
done
[ -n "$missing" ] || { echo "testbed: all packages are there" >&2; exit 0; }
[ "$(id -u)" = 0 ] || { echo "testbed: only root can install$missing" >&2; exit 1; }
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 # one word per package
apt-get install -y --no-install-recommends $missing
