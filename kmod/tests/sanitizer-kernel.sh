#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Builds the kernel that finds what tests alone do not: KASAN, lockdep, kmemleak,
# UBSAN, object debugging, fault injection. Result: build/sanitizer-kernel/ with
# vmlinuz, modules/, kdir/ and config. About 20 CPU-minutes.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
build=$here/../build
source=${LINUX_SOURCE:-/usr/src/linux-source-6.12.tar.xz}
jobs=${JOBS:-$(nproc)}

die() { echo "error: $*" >&2; exit 1; }

[ -e "$source" ] || die "no $source: apt-get install linux-source-6.12 (bookworm-backports), or LINUX_SOURCE=<tarball>"
for tool in flex:flex bison:bison bc:bc xz:xz-utils gcc:gcc make:make depmod:kmod; do
	command -v "${tool%:*}" >/dev/null || PATH=$PATH:/usr/sbin:/sbin command -v "${tool%:*}" >/dev/null ||
		die "no ${tool%:*}: apt-get install ${tool#*:}"
done
[ -e /usr/include/libelf.h ] || [ -e /usr/include/gelf.h ] || die "no libelf: apt-get install libelf-dev"
PATH=$PATH:/usr/sbin:/sbin

mkdir -p "$build"
src=$build/sanitizer-source
if [ ! -e "$src/Makefile" ]; then
	rm -rf "$src"
	mkdir "$src"
	tar -xf "$source" -C "$src" --strip-components=1
fi
cd "$src"
make -s tinyconfig kvm_guest.config
./scripts/kconfig/merge_config.sh -m .config "$here/sanitizer.config" >/dev/null
make -s olddefconfig
# Without these the run would pass and find nothing.
for option in KASAN PROVE_LOCKING DEBUG_KMEMLEAK FAULT_INJECTION SLUB_DEBUG DYNAMIC_FTRACE; do
	grep -q "^CONFIG_$option=y" .config || die "CONFIG_$option is missing from the configuration"
done
make -s -j"$jobs" bzImage modules

out=$build/sanitizer-kernel
rm -rf "$out" "$out.partial"
mkdir -p "$out.partial/kdir"
release=$(cat include/config/kernel.release)
make -s INSTALL_MOD_PATH="$out.partial/root" modules_install
mv "$out.partial/root/lib/modules/$release" "$out.partial/modules"
rm -rf "$out.partial/root" "$out.partial/modules/build" "$out.partial/modules/source"
cp arch/x86/boot/bzImage "$out.partial/vmlinuz"
cp .config "$out.partial/config"
# What building a module needs: headers, scripts, tools that were compiled.
cp -a Makefile Module.symvers .config include scripts "$out.partial/kdir/"
mkdir -p "$out.partial/kdir/arch/x86" "$out.partial/kdir/tools/objtool"
cp -a arch/x86/Makefile* arch/x86/include "$out.partial/kdir/arch/x86/"
for file in arch/x86/Kbuild arch/x86/kernel/asm-offsets.s tools/objtool/objtool; do
	if [ -e "$file" ]; then
		mkdir -p "$out.partial/kdir/$(dirname "$file")"
		cp -a "$file" "$out.partial/kdir/$file"
	fi
done
find "$out.partial/kdir" \( -name '*.o' -o -name '*.cmd' \) -delete
mv "$out.partial" "$out"
echo "$release is in $out"
