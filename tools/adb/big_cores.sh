#!/bin/sh
# Prints the fastest cores of a phone as a mask for taskset, for example c0 for cores 6 and 7.
# Prints nothing if the phone does not report different speeds, and says so if it reports only some
# of them, as phones do of cores that are offline.
#
#     tools/adb/big_cores.sh
set -eu

adb get-state >/dev/null  # Without a phone the script ends here with adb's own message.

# One line per core: its number, its highest frequency in kHz (0 if it does not tell), and the cores
# that share its clock, which tells the speed of those that are offline. This is not the start of a
# pipe, since a pipe would hide a lost phone.
cores=$(adb shell 'cd /sys/devices/system/cpu 2>/dev/null || exit 0
for core in cpu[0-9]*; do
  speed=$(cat $core/cpufreq/cpuinfo_max_freq 2>/dev/null)
  echo "${core#cpu} ${speed:-0} $(cat $core/cpufreq/related_cpus 2>/dev/null)"
done')
printf '%s\n' "$cores" | tr -d '\r' | awk '
  $1 !~ /^[0-9]+$/ || NF < 2 { next }
  { own[$1] = $2; for (i = 3; i <= NF; i++) if ($2 > 0) shared[$i] = $2 }
  END {
    for (core in own) {
      speed[core] = own[core] > 0 ? own[core] : shared[core] + 0
      if (!speed[core]) { unknown = unknown " " core; continue }
      known = 1
      if (speed[core] > fastest) fastest = speed[core]
      if (!slowest || speed[core] < slowest) slowest = speed[core]
    }
    if (unknown && known)
      print "cores" unknown " do not tell their speed (offline?): not pinned" >"/dev/stderr"
    if (unknown || !known || fastest == slowest) exit
    for (core in speed) if (speed[core] == fastest) mask += 2 ^ core
    printf "%x\n", mask
  }'
