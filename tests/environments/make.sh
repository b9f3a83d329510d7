#!/usr/bin/env bash
# Makes an environment for a program that cannot live beside our own libraries, unless it is there
# already, and prints its Python:  tests/environments/make.sh mediapipe|tflite_runtime [FOLDER]
# FOLDER is .venv-NAME at the root of the repository by default; PYTHON names the interpreter.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
name="${1:?expected the name of an environment}"
wanted="$here/$name.txt"
[[ -f $wanted ]] || {
  echo "error: expected one of $(cd "$here" && echo *.txt), received $name.txt" >&2
  exit 1
}
folder="${2:-$here/../../.venv-$name}"
if ! cmp -s "$wanted" "$folder/.installed"; then
  rm -rf "$folder"
  "${PYTHON:-python3.11}" -m venv "$folder"
  "$folder/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted" >&2
  cp "$wanted" "$folder/.installed"
fi
echo "$(cd "$folder" && pwd)/bin/python"
