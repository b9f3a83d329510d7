#!/bin/sh
# Prints the fastest cores of a phone as a mask for taskset, for example c0 for cores 6 and 7.
# Prints nothing if the phone does not report different speeds.
#
#     tools/adb/big_cores.sh
set -eu

adb get-state >/dev/null  # Without a phone the script ends here with adb's own message.

# One line per core: its number and its highest frequency in kHz. This is not the start of a pipe,
# since a pipe would hide a lost phone.
cores=$(adb shell 'cd /sys/devices/system/cpu && for core in cpu[0-9]*; do
  echo "${core#cpu} $(cat $core/cpufreq/cpuinfo_max_freq 2>/dev/null)"
done')
printf '%s\n' "$cores" | tr -d '\r' | awk '
  NF < 2 { unknown = 1; next }
  { speed[$1] = $2; if ($2 > fastest) fastest = $2; if (!slowest || $2 < slowest) slowest = $2 }
  END {
    if (unknown || fastest == slowest) exit
    for (core in speed) if (speed[core] == fastest) mask += 2 ^ core
    printf "%x\n", mask
  }'
