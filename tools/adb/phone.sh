#!/bin/sh
# Prints what a latency depends on: the phone, its Android version, its cores and temperatures.
#
#     tools/adb/phone.sh
set -eu

adb get-state >/dev/null  # Without a phone the script ends here with adb's own message.

for name in ro.product.manufacturer ro.product.model ro.soc.model ro.product.cpu.abi \
  ro.build.version.release ro.build.version.sdk ro.build.fingerprint; do
  value=$(adb shell "getprop $name" </dev/null)
  printf '%-26s %s\n' "$name" "$(printf '%s' "$value" | tr -d '\r')"
done
adb shell 'cd /sys/devices/system/cpu 2>/dev/null || { echo "cores cannot be read"; exit 0; }
for core in cpu[0-9]*; do
  [ -d $core ] || { echo "cores cannot be read"; continue; }
  state=$(cat $core/online 2>/dev/null)
  [ "$state" = 0 ] && state=", offline" || state=
  speed=$(cat $core/cpufreq/cpuinfo_max_freq 2>/dev/null)
  governor=$(cat $core/cpufreq/scaling_governor 2>/dev/null)
  echo "$core ${speed:+$speed kHz at most, }${governor:-speed not told}$state"
done'
here=$(cd "$(dirname "$0")" && pwd)
mask=$("$here/big_cores.sh")
echo "fastest cores: ${mask:-all alike, or not told} (mask for taskset)"
heat=$(adb shell 'dumpsys thermalservice 2>/dev/null; true')
printf '%s\n' "$heat" | tr -d '\r' | awk '
  /^Thermal Status/ { print tolower($0) " (0: nothing is throttled)" }
  /^Current temperatures/ { now = 1 }
  now && match($0, /mValue=[-0-9.]+/) {
    value = substr($0, RSTART + 7, RLENGTH - 7)
    match($0, /mName=[^,}]+/)
    print substr($0, RSTART + 6, RLENGTH - 6) " " value " C"
  }'
