#!/usr/bin/env bash
# Builds the root of a test phone: Google's adbd as Debian packages it, Android's own shell, toybox,
# and shims for what only a whole Android has. Nothing is installed on this machine.
#
#     tests/device/build_phone.sh FOLDER
#
# FOLDER/root is then what run_phone.sh starts. A second call with the same script does nothing.
# Needs apt-get with a Debian archive among its sources, dpkg, and about 45 MB.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=${1:?expected the folder to build in, for example: $0 ~/.cache/phone}
# The first Debian with adbd as a package.
suite=trixie
packages=(adbd toybox mksh)

recipe=$(cat "${BASH_SOURCE[0]}" "$here"/shims/* | sha256sum | cut -d ' ' -f 1)
[[ -f $folder/built && $(<"$folder/built") == "$recipe" ]] && exit 0

fail() {
  echo "build_phone.sh: $*" >&2
  exit 1
}

# The archive this machine itself installs from.
mirror=${DEBIAN_MIRROR:-$(
  apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(REPO_URI)' \
    'Created-By: Packages' | sed -n 's/^Debian|Debian|main|//p' | sort -u | head -n 1
)}
[[ -n $mirror ]] ||
  fail "expected a Debian archive among apt's sources, found none; run apt-get update, or name" \
    "one: DEBIAN_MIRROR=http://... $0 $folder"

rm -rf "$folder/built" "$folder/apt" "$folder/root"
mkdir -p "$folder"/apt/{lists/partial,cache/archives/partial} "$folder/root"
folder=$(cd "$folder" && pwd)

# An apt of our own: another suite, no package counted as installed, none of the machine's lists.
cat >"$folder/apt/phone.sources" <<END
Types: deb
URIs: $mirror
Suites: $suite
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
END
apt=(apt-get -qq
  -o "Dir::Etc::sourcelist=$folder/apt/phone.sources" -o Dir::Etc::sourceparts=/dev/null
  -o "Dir::State::lists=$folder/apt/lists" -o "Dir::Cache=$folder/apt/cache"
  -o Dir::State::status=/dev/null -o APT::Sandbox::User=root
  -o Debug::NoLocking=true -o Acquire::Languages=none)
"${apt[@]}" update
"${apt[@]}" --yes --download-only --no-install-recommends install "${packages[@]}" >/dev/null
for package in "$folder"/apt/cache/archives/*.deb; do
  dpkg -x "$package" "$folder/root"
done

cd "$folder/root"
# Debian's merged /usr, which its base-files would have set up.
for name in bin lib lib64 sbin; do
  [[ -e $name ]] || ln -s "usr/$name" "$name"
done
mkdir -p system/bin data/local/tmp proc dev sys tmp host
cp usr/bin/mksh-static system/bin/sh
ln -s /system/bin/sh usr/bin/sh  # Where Debian's adbd looks for it.
for applet in $(chroot . /usr/bin/toybox); do
  ln -sf /usr/bin/toybox "system/bin/$applet"
done
# What Android answers and this root cannot. toybox' own getprop asks a service that is not there.
for shim in "$here"/shims/*; do
  rm -f "system/bin/$(basename "$shim")"
  install -m 755 "$shim" system/bin/
done
rm -rf "$folder/apt"
echo "$recipe" >"$folder/built"
