#!/bin/sh
# Times one .tflite file on a phone with benchmark_model, pinned to the phone's fastest cores, and
# removes the files it copied there.
#
#     tools/adb/benchmark.sh child_int8.tflite android_aarch64_benchmark_model
#     ANDROID_SERIAL=A1B2 tools/adb/benchmark.sh child_int8.tflite benchmark_model --use_gpu=true
#
# Further flags are passed to benchmark_model unchanged. ANDROID_SERIAL selects a phone.
set -eu

if [ $# -lt 2 ] || [ ! -f "$1" ] || [ ! -f "$2" ]; then
  echo "usage: $0 MODEL.tflite BENCHMARK_MODEL [--flag=value ...]" >&2
  exit 2
fi
model=$1 program=$2
shift 2
adb get-state >/dev/null  # Without a phone the script ends here with adb's own message.

# Quotes one word for the phone's shell, whatever it contains.
quoted() {
  printf "'%s' " "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"
}

folder=/data/local/tmp/proxylessnas_by_hand
trap 'adb shell "rm -rf $folder"' EXIT
trap 'exit 130' INT TERM
adb shell "mkdir -p $folder"
adb push "$program" $folder/benchmark_model >&2
adb push "$model" $folder/model.tflite >&2
adb shell "chmod 755 $folder/benchmark_model"

here=$(cd "$(dirname "$0")" && pwd)
mask=$("$here/big_cores.sh")
command="${mask:+taskset $mask }$folder/benchmark_model --graph=$folder/model.tflite"
# If a flag is given twice, benchmark_model uses the first and only warns about the second.
for default in --num_threads=1 --warmup_runs=10 --num_runs=50; do
  case " $*" in
    *" ${default%%=*}="*) ;;
    *) set -- "$@" "$default" ;;
  esac
done
for flag; do
  command="$command $(quoted "$flag")"
done
echo "on the phone: $command" >&2
adb shell "$command"
