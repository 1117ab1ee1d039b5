#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Applies the patches beside it to linux 6.12 and builds that:
#   kernel.sh um|x86 <linux-source-6.12.tar.xz or an unpacked tree> <directory for the result>
# um is User-Mode Linux; x86 has the configuration of Debian's kernel, with the modules that the tests load.
# The result: linux (the program) or vmlinuz, modules/ (with modules.dep), kdir/ (to build modules against).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
arch=${1:?um or x86?}
source=${2:?where is linux-source-6.12.tar.xz? Debian: apt-get install linux-source-6.12}
out=$3
export ARCH=$arch
make="make -j$(nproc) SUBARCH=x86_64"

die() { echo "error: $*" >&2; exit 1; }

PATH=$PATH:/usr/sbin:/sbin
for tool in flex bison bc patch depmod:kmod; do
	command -v "${tool%:*}" >/dev/null || die "no ${tool%:*}: apt-get install ${tool#*:}"
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

config_um() {
	$make O="$out/kdir" tinyconfig >/dev/null
	scripts/kconfig/merge_config.sh -m -O "$out/kdir" "$out/kdir/.config" "$here/uml.config" >/dev/null
	$make O="$out/kdir" olddefconfig >/dev/null
}

config_x86() {
	local debian
	debian=$(ls -v /boot/config-6.12.*-cloud-amd64 2>/dev/null | tail -1)
	[ -n "$debian" ] || die "no configuration of a kernel 6.12 in /boot: apt-get install linux-image-6.12-cloud-amd64 (from bookworm-backports)"
	cp "$debian" "$out/kdir/.config"
	# Debian's keys are not there to sign with, and nobody looks at the types.
	scripts/config --file "$out/kdir/.config" --enable BLK_FILTER --set-str LOCALVERSION -filters --set-str SYSTEM_TRUSTED_KEYS "" \
		--disable MODULE_SIG --disable MODULE_COMPRESS --disable DEBUG_INFO_BTF \
		--disable DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT --enable DEBUG_INFO_NONE
	PYTHONPATH=$here/../tests/harness python3 -B -c 'from initramfs import MODULES
print("Module Size Used by", *(m.replace("-", "_") + " 1 0" for m in MODULES), sep="\n")' >"$out/modules.wanted"
	yes "" | $make O="$out/kdir" LSMOD="$out/modules.wanted" localmodconfig >/dev/null 2>&1
}

cd "$tree"
if [ ! -e "$out/kdir/.config" ]; then
	mkdir -p "$out/kdir"
	"config_$arch"
	grep -q '^CONFIG_BLK_FILTER=y' "$out/kdir/.config" || { rm "$out/kdir/.config"; die "the configuration has no BLK_FILTER"; }
fi
$make -s O="$out/kdir" all
$make -s O="$out/kdir" INSTALL_MOD_PATH="$out/installed" modules_install
case $arch in
um) ln -sfn "$out/kdir/linux" "$out/linux" ;;
x86) ln -sfn "$out/kdir/arch/x86/boot/bzImage" "$out/vmlinuz" ;;
esac
ln -sfn "$(echo "$out"/installed/lib/modules/*)" "$out/modules"
