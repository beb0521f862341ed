#!/bin/bash
# deps.sh MODE PACKAGE...: install the Debian packages that are missing. MODE `no`: only name them.
# On Debian 12 QEMU comes from backports (10.0; the release's 7.2 lacks what the tests drive).
set -euo pipefail
mode=$1
shift
codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")

installed() { dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }

new_enough() {
	case $1 in
	qemu-*) dpkg --compare-versions "$(dpkg-query -W -f='${Version}' "$1")" ge 1:10 ;;
	esac
}

missing=() backports=()
for p in "$@"; do
	if ! installed "$p" || ! new_enough "$p"; then
		case $codename/$p in
		# QEMU's own dependencies bring PipeWire from there, and its parts must be of one version.
		bookworm/qemu-* | bookworm/*pipewire* | bookworm/wireplumber) backports+=("$p") ;;
		*) missing+=("$p") ;;
		esac
	fi
done
((${#missing[@]} + ${#backports[@]})) || exit 0

echo "Debian packages needed and not installed: ${missing[*]} ${backports[*]}"
((${#backports[@]} == 0)) || echo "Of these from bookworm-backports: ${backports[*]}"
if [ "$mode" = no ]; then
	echo "Install them, or run 'make deps' without DEPS=no." >&2
	exit 1
fi
if [ "$(id -u)" = 0 ]; then
	root=()
elif sudo -n true 2>/dev/null; then
	root=(sudo -n)
else
	echo "Installing packages needs root: run 'sudo make deps' once, or install the list above." >&2
	exit 1
fi
if ((${#backports[@]})) && ! grep -rqs bookworm-backports /etc/apt/sources.list /etc/apt/sources.list.d; then
	uri=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Suite: oldstable' 2>/dev/null | head -n 1)
	[ -n "$uri" ] || uri=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Codename: bookworm' | head -n 1)
	[ -n "$uri" ] || { "${root[@]}" apt-get update -qq && uri=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | head -n 1); }
	echo "Adding the source: $uri bookworm-backports main (/etc/apt/sources.list.d/caprock-backports.list)"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri bookworm-backports main" |
		"${root[@]}" tee /etc/apt/sources.list.d/caprock-backports.list >/dev/null
fi
export DEBIAN_FRONTEND=noninteractive
"${root[@]}" apt-get update -qq
((${#missing[@]} == 0)) || "${root[@]}" apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
((${#backports[@]} == 0)) || "${root[@]}" apt-get install -qq -y --no-install-recommends -t bookworm-backports "${backports[@]}" >/dev/null
