#!/usr/bin/env bash
# Starts a test phone in the foreground; it ends when this process is killed.
#
#     tests/device/run_phone.sh ROOT PORT
#
# ROOT is build_phone.sh's. Needs root, and should run in a network namespace of its own, since adbd
# listens on every address. /data and /sys are this phone's alone; /host is this machine, read-only,
# for the stand-in of benchmark_model.
set -euo pipefail

root=$(cd "${1:?expected the root that build_phone.sh made}" && pwd)
port=${2:?expected the port adbd listens on}

if [[ -z ${IN_PHONE:-} ]]; then
  IN_PHONE=1 exec unshare --mount --pid --fork --kill-child --propagation private "$0" "$root" "$port"
fi

# Read-only but for /data, as on a phone.
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
cd "$root"  # Below, so that $root names the new mount.
mount -t tmpfs data "$root/data"
mount -t tmpfs sys "$root/sys"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mkdir -p "$root/data/local/tmp" "$root/data/shims"
echo 0 >"$root/data/shims/thermal_statuses"
cat >"$root/data/shims/properties" <<END
[ro.product.manufacturer]: [Test]
[ro.product.model]: [Phone $port]
[ro.soc.model]: [stand-in]
[ro.product.cpu.abi]: [$(uname -m)]
[ro.build.version.release]: [14]
[ro.build.version.sdk]: [34]
[ro.build.fingerprint]: [test/phone/$port:14/stand-in]
END
# Half of the cores are big ones.
cores=$(nproc --all)
for ((core = 0; core < cores; core++)); do
  folder=$root/sys/devices/system/cpu/cpu$core/cpufreq
  mkdir -p "$folder"
  echo $((core < cores / 2 ? 1800000 : 2800000)) >"$folder/cpuinfo_max_freq"
  echo schedutil >"$folder/scaling_governor"
done
mount --rbind / "$root/host"
mount -o remount,bind,ro "$root/host"
exec env -i PATH=/system/bin ADBD_PORT="$port" /usr/sbin/chroot "$root" \
  /usr/lib/android-sdk/platform-tools/adbd
