#!/bin/sh
# Removes the files that an interrupted benchmark left on a phone, and restores the settings. The
# next benchmark does the same; use this script if there is none.
#
#     tools/adb/tidy.sh
set -eu

adb get-state >/dev/null  # Without a phone the script ends here with adb's own message.

adb shell 'folder=/data/local/tmp/proxylessnas
runs=$(pgrep -f "proxylessnas[^/]*/[b]enchmark_model")
[ -z "$runs" ] || kill -9 $runs
if [ -f $folder/stay_on_before ]; then
  value=$(cat $folder/stay_on_before)
  if [ -z "$value" ] || [ "$value" = null ]; then
    settings delete global stay_on_while_plugged_in
  else
    settings put global stay_on_while_plugged_in "$value"
  fi >/dev/null 2>&1 ||
    echo "the phone refuses to set stay_on_while_plugged_in back to ${value:-null}"
fi
[ "$(getprop ro.build.version.sdk)" -lt 30 ] ||
  cmd power set-fixed-performance-mode-enabled false
rm -rf $folder ${folder}_by_hand'
