#!/usr/bin/env bash
# Runs a command on Python 3.13 in a chroot made from the packages of Debian 13.
#
#     tests/environments/python313.sh [FOLDER [COMMAND...]]
#
# COMMAND is `make install lint test` by default. It runs in a clone of this repository, so it tries
# what is committed. FOLDER holds the chroot, the clone and pip's cache, about 3.2 GB. It is
# ~/.cache/proxylessnas/python313 by default, and a later call uses again what it finds there.
# Nothing is installed on this machine. The script needs root, apt-get with a Debian archive among
# its sources, dpkg, unshare and git.
set -euo pipefail

suite=trixie
packages=(
  python3 python3-venv git make
  # What every Debian has.
  base-files base-passwd bash coreutils dash diffutils findutils grep hostname mawk netbase
  procps sed
  # TensorFlow links to it.
  libstdc++6
)

fail() {
  echo "python313.sh: $*" >&2
  exit 1
}

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
folder=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/proxylessnas/python313}
shift || true
command=("$@")
((${#command[@]})) || command=(make install lint test)

((EUID == 0)) || fail "expected root, which mounts and chroot need; try: sudo $0"
for program in apt-get dpkg unshare chroot git; do
  command -v "$program" >/dev/null || fail "expected the program $program, found none: install it"
done
mkdir -p "$folder"/{project,home}
folder=$(cd "$folder" && pwd)
root=$folder/$suite

# The archive this machine itself installs from.
debian_archive() {
  apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(REPO_URI)' \
    'Created-By: Packages' | sed -n 's/^Debian|Debian|main|//p' | sort -u | head -n 1
}

make_root() {
  local mirror=${DEBIAN_MIRROR:-$(debian_archive)}
  if [[ -z $mirror ]]; then
    apt-get -qq update  # Without its lists, apt does not say which archive is Debian's.
    mirror=$(debian_archive)
  fi
  [[ -n $mirror ]] ||
    fail "expected a Debian archive among apt's sources, found none; name" \
      "one: DEBIAN_MIRROR=http://... $0 $folder"
  echo "making $root from Debian's packages"

  # Made beside its place and renamed at the end, so that it is never half there.
  local work package name
  work=$(mktemp -d "$folder/building.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$work"/apt/{lists/partial,cache/archives/partial} "$work/$suite"
  # An apt of our own: another suite, no package counted as installed, none of the machine's lists.
  cat >"$work/apt/debian.sources" <<END
Types: deb
URIs: $mirror
Suites: $suite
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
END
  local apt=(apt-get -qq
    -o "Dir::Etc::sourcelist=$work/apt/debian.sources" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$work/apt/lists" -o "Dir::Cache=$work/apt/cache"
    -o Dir::State::status=/dev/null -o APT::Sandbox::User=root
    -o Debug::NoLocking=true -o Acquire::Languages=none)
  "${apt[@]}" update
  "${apt[@]}" --yes --download-only --no-install-recommends install "${packages[@]}" >/dev/null
  cd "$work/$suite"
  for package in "$work"/apt/cache/archives/*.deb; do
    dpkg -x "$package" .
  done
  # What the packages' own scripts would have set up.
  for name in bin lib lib64 sbin; do
    [[ -e $name ]] || ln -s "usr/$name" "$name"
  done
  ln -s mawk usr/bin/awk
  cp usr/share/base-passwd/passwd.master etc/passwd
  cp usr/share/base-passwd/group.master etc/group
  mkdir -p project etc/ssl/certs
  chmod 755 .
  printf '%s\n' "${packages[@]}" >made_of
  rm -rf "$root"
  mv -T "$work/$suite" "$root"
  rm -rf "$work"
  trap - EXIT
}

printf '%s\n' "${packages[@]}" | cmp -s - "$root/made_of" || make_root
# This machine's way into the network.
certificates=/etc/ssl/certs/ca-certificates.crt
for name in /etc/resolv.conf /etc/hosts "$certificates"; do
  [[ ! -e $name ]] || cp -L "$name" "$root$name"
done

clone=$folder/project
[[ -d $clone/.git ]] || git init --quiet "$clone"
git -C "$clone" fetch --quiet --force "$repository" HEAD
git -C "$clone" checkout --quiet --force --detach FETCH_HEAD

inside=(PATH=/usr/bin:/bin:/usr/sbin:/sbin HOME=/root LANG=C.UTF-8 "SSL_CERT_FILE=$certificates")
for name in WORKERS PIP_INDEX_URL {http,https,no}_proxy {HTTP,HTTPS,NO}_PROXY; do
  [[ -z ${!name:-} ]] || inside+=("$name=${!name}")
done
export root folder
exec unshare --mount --pid --fork --kill-child --propagation private bash -euc '
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mount --rbind /sys "$root/sys"
  mount --bind "$folder/project" "$root/project"
  mount --bind "$folder/home" "$root/root"
  exec env -i "${@:2:$1}" chroot "$root" sh -c "cd /project && exec \"\$@\"" sh "${@:2+$1}"
' bash "${#inside[@]}" "${inside[@]}" "${command[@]}"
