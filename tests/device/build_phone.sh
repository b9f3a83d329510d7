#!/usr/bin/env bash
# Builds the root of a test phone: Google's adbd as Debian packages it, Android's own shell, toybox,
# and shims for what only a whole Android has. Nothing is installed on this machine.
#
#     tests/device/build_phone.sh FOLDER
#
# Prints the root, which run_phone.sh starts. It lies in a folder of FOLDER named by a fingerprint
# of this script, and a second call only prints it.
# Needs apt-get with a Debian archive among its sources, dpkg, and about 45 MB.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=${1:?expected the folder to build in, for example: $0 ~/.cache/phone}
# The first Debian with adbd as a package.
suite=trixie
packages=(adbd toybox mksh)

# One at a time, when several test processes ask for it.
exec 9<"${BASH_SOURCE[0]}"
flock 9
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
recipe=$(cat "${BASH_SOURCE[0]}" "$here"/shims/* | sha256sum | cut -c 1-16)
if [[ -d $folder/$recipe ]]; then
  echo "$folder/$recipe"
  exit 0
fi

fail() {
  echo "build_phone.sh: $*" >&2
  exit 1
}

# The archive this machine itself installs from.
debian_archive() {
  apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(REPO_URI)' \
    'Created-By: Packages' | sed -n 's/^Debian|Debian|main|//p' | sort -u | head -n 1
}
mirror=${DEBIAN_MIRROR:-$(debian_archive)}
if [[ -z $mirror ]]; then
  apt-get -qq update  # Without its lists, apt does not say which archive is Debian's.
  mirror=$(debian_archive)
fi
[[ -n $mirror ]] ||
  fail "expected a Debian archive among apt's sources, found none; name" \
    "one: DEBIAN_MIRROR=http://... $0 $folder"

# Made beside its place and renamed at the end, so that it is never half there.
work=$(mktemp -d "$folder/building.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/apt/{lists/partial,cache/archives/partial} "$work/root"

# An apt of our own: another suite, no package counted as installed, none of the machine's lists.
cat >"$work/apt/phone.sources" <<END
Types: deb
URIs: $mirror
Suites: $suite
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
END
apt=(apt-get -qq
  -o "Dir::Etc::sourcelist=$work/apt/phone.sources" -o Dir::Etc::sourceparts=/dev/null
  -o "Dir::State::lists=$work/apt/lists" -o "Dir::Cache=$work/apt/cache"
  -o Dir::State::status=/dev/null -o APT::Sandbox::User=root
  -o Debug::NoLocking=true -o Acquire::Languages=none)
"${apt[@]}" update
"${apt[@]}" --yes --download-only --no-install-recommends install "${packages[@]}" >/dev/null
for package in "$work"/apt/cache/archives/*.deb; do
  dpkg -x "$package" "$work/root"
done

cd "$work/root"
# Debian's merged /usr, which its base-files would have set up.
for name in bin lib lib64 sbin; do
  [[ -e $name ]] || ln -s "usr/$name" "$name"
done
mkdir -p system/bin data/local/tmp proc dev sys tmp host
cp usr/bin/mksh-static system/bin/sh
ln -s /system/bin/sh usr/bin/sh  # Where Debian's adbd looks for it.
applets=$(chroot . /usr/bin/toybox)
for applet in $applets; do
  ln -sf /usr/bin/toybox "system/bin/$applet"
done
# What Android answers and this root cannot. toybox' own getprop asks a service that is not there.
for shim in "$here"/shims/*; do
  rm -f "system/bin/$(basename "$shim")"
  install -m 755 "$shim" system/bin/
done
chmod 755 .
mv -T "$work/root" "$folder/$recipe" 2>/dev/null ||
  [[ -d $folder/$recipe ]] || fail "could not move the root to $folder/$recipe"
echo "$folder/$recipe"
