#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Applies the patches beside it to linux 6.12 and builds that as User-Mode Linux:
#   uml-kernel.sh <linux-source-6.12.tar.xz or an unpacked tree> <directory for the result>
# The result: linux (the program), modules/ (with modules.dep), kdir/ (to build modules against).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
source=${1:?where is linux-source-6.12.tar.xz? Debian: apt-get install linux-source-6.12}
out=$2
export ARCH=um
make="make -j$(nproc) SUBARCH=x86_64"

for tool in flex bison bc patch; do
	command -v $tool >/dev/null || { echo "no $tool: apt-get install $tool" >&2; exit 1; }
done
mkdir -p "$out"
out=$(cd "$out" && pwd)
tree=$out/source
if [ ! -e "$tree/.patched" ]; then
	rm -rf "$tree"
	mkdir "$tree"
	if [ -d "$source" ]; then
		cp -r "$source/." "$tree"
	else
		tar xf "$source" -C "$tree" --strip-components=1
	fi
	for patch in "$here"/000[1-9]-*.patch; do
		patch -d "$tree" -p1 -s --fuzz=0 <"$patch"
	done
	touch "$tree/.patched"
fi
cd "$tree"
if [ ! -e "$out/kdir/.config" ]; then
	mkdir -p "$out/kdir"
	$make O="$out/kdir" tinyconfig >/dev/null
	scripts/kconfig/merge_config.sh -m -O "$out/kdir" "$out/kdir/.config" "$here/uml.config" >/dev/null
	$make O="$out/kdir" olddefconfig >/dev/null
	grep -q '^CONFIG_BLK_FILTER=y' "$out/kdir/.config" || { echo "the configuration has no BLK_FILTER" >&2; exit 1; }
fi
$make -s O="$out/kdir" all
$make -s O="$out/kdir" INSTALL_MOD_PATH="$out/installed" modules_install
ln -sfn "$out/kdir/linux" "$out/linux"
ln -sfn "$(echo "$out"/installed/lib/modules/*)" "$out/modules"
