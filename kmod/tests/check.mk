# SPDX-License-Identifier: GPL-2.0
# Targets that run the modules in a VM; included by ../Makefile.
#
#   make check KERNEL=6.1|6.12|sanitizer [TESTS="glob ..."] [SMP=2] [JOBS=1] [V=1]
#   make check-ci KERNEL=...	the same as CI does: half of it, by commit, if all of it passed on this kmod/ before
#   make check-long ...		the tests that take longer
#   make bench KERNEL=...	measurements, in instructions
#   make e2e KERNEL=6.1|6.12	exporter in the VM, broker and replicators outside; `mvn package` before
#   make e2e-ci KERNEL=...	CI's steps on that kernel, or half of them likewise
#   make e2e-long ...		the same over and over
#   make e2e-bench ...		what an export costs in the VM, as ratios
#   make vm KERNEL=...		a shell in the VM
#   make sanitizer-kernel	builds the kernel with KASAN, lockdep, kmemleak ...
#   make patched-kernel	builds one with patches/, for KERNEL=patched; uml-kernel the same as User-Mode Linux, for KERNEL=uml
#   SEED=N STEPS=N		for the random tests
#   SANITIZER_KERNEL=<tarball or directory>	a ready one

KERNEL ?= 6.12
SMP ?= 2
JOBS ?= 1

run_tests = $(if $(SEED),SEED=$(SEED)) $(if $(STEPS),STEPS=$(STEPS)) python3 $(TOP)tests/harness/run.py --kernel $(KERNEL) --smp $(SMP) --jobs $(JOBS) \
	$(if $(SANITIZER_KERNEL),--sanitizer-kernel $(SANITIZER_KERNEL)) $(if $(V),--verbose)

check:
	@$(run_tests) $(foreach t,$(TESTS),'$(t)')

check-ci:
	@$(run_tests) --rotate

check-long:
	@$(run_tests) --long $(foreach t,$(TESTS),'$(t)')

bench:
	@$(run_tests) --bench $(foreach t,$(TESTS),'$(t)')

e2e:
	@python3 $(TOP)tests/e2e/run.py --kernel $(KERNEL) $(if $(TESTS),--steps '$(TESTS)')

e2e-ci:
	@python3 $(TOP)tests/e2e/run.py --kernel $(KERNEL) --rotate

e2e-long:
	@python3 $(TOP)tests/e2e/run.py --kernel $(KERNEL) --rounds $(or $(ROUNDS),5)

e2e-bench:
	@python3 $(TOP)tests/e2e/bench.py --kernel $(KERNEL)

vm:
	@$(run_tests) --shell

sanitizer-kernel:
	$(TOP)tests/sanitizer-kernel.sh

.PHONY: check check-ci check-long bench e2e e2e-ci e2e-long e2e-bench vm sanitizer-kernel
