#!/usr/bin/env bash
# Makes an environment for a program that cannot live beside our own libraries, unless it is there
# already, and prints its Python:  tests/environments/make.sh mediapipe|tflite_runtime [FOLDER]
# FOLDER is .venv-NAME at the root of the repository by default. PYTHON names the interpreter; it is
# python3 by default. The last packages of tflite-runtime are for Python 3.11. If PYTHON is newer,
# that environment is made with python3.11.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
name="${1:?expected the name of an environment}"
wanted="$here/$name.txt"
[[ -f $wanted ]] || {
  echo "error: expected one of $(cd "$here" && echo *.txt), received $name.txt" >&2
  exit 1
}
# One at a time, when several test processes ask for the same environment.
exec 9<"${BASH_SOURCE[0]}"
flock 9
folder="${2:-$here/../../.venv-$name}"
python="${PYTHON:-python3}"
if [[ $name == tflite_runtime ]]; then
  old='import sys; sys.exit(not (3, 9) <= sys.version_info[:2] <= (3, 11))'
  "$python" -c "$old" 2>/dev/null || python=python3.11
  "$python" -c "$old" 2>/dev/null || {
    echo "error: expected Python 3.9, 3.10 or 3.11, which the last packages of tflite-runtime are" \
      "for, found none: install python3.11, or name it: PYTHON=/path/to/python3.11 ..." >&2
    exit 1
  }
fi
if ! cmp -s "$wanted" "$folder/.installed"; then
  rm -rf "$folder"
  "$python" -m venv "$folder"
  "$folder/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted" >&2
  cp "$wanted" "$folder/.installed"
fi
echo "$(cd "$folder" && pwd)/bin/python"
