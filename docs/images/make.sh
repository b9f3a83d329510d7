#!/usr/bin/env bash
# Draws README's pictures anew: the top of a work dir's report, light and dark. `make picture` writes
# the report and calls this.
#
#     bash docs/images/make.sh WORKDIR [FOLDER]
#
# Needs Debian's chromium; with fonts-inter the letters are those of the pictures in the repository.
set -euo pipefail

page=$(realpath "${1:?usage: make.sh WORKDIR [FOLDER]}/report/index.html")
folder=$(realpath "${2:-$(dirname "${BASH_SOURCE[0]}")}")
profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT

# What chromium calls a preferred colour scheme.
declare -A schemes=([dark]=0 [light]=1)
for scheme in "${!schemes[@]}"; do
  chromium --headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run \
    --disable-background-networking --disable-component-update --disable-sync \
    --user-data-dir="$profile" --hide-scrollbars --window-size=1280,1010 \
    --blink-settings="preferredColorScheme=${schemes[$scheme]}" \
    --screenshot="$folder/report_$scheme.png" "file://$page" 2>/dev/null
  echo "$folder/report_$scheme.png"
done
