# SPDX-License-Identifier: GPL-2.0
# esxmem: modules, tools, tests.  `make help` lists the targets.

KDIR ?= $(shell ls -d /lib/modules/*/build 2>/dev/null | sort -V | tail -1)

VERSION := $(shell sed -n 's/.*ESX_VERSION[^"]*"\(.*\)"/\1/p' esxmem/iface/version.h)
DKMS_DIR := $(DESTDIR)/usr/src/esxmem-$(VERSION)

.PHONY: all help modules tools selftests demo check bench bench-docs experiments \
	experiments-docs lint install clean

all: modules tools

help:
	@echo 'make                  the modules, against KDIR, and the tools'
	@echo 'make modules          esxmem.ko and esxmem_kvm.ko; KDIR=$(KDIR)'
	@echo 'make tools            esxmemctl'
	@echo 'make demo             share the memory of real guests, in a virtual host (HOST=1: here)'
	@echo 'make check            all tests'
	@echo 'make bench            KSM against esxmem; ONLY=recall,metadata, QUICK=1'
	@echo 'make bench-docs       the page of benchmarks, from the last run'
	@echo 'make experiments      experiments of the paper; ONLY=figure6, QUICK=1'
	@echo 'make experiments-docs the page of experiments, from the last run'
	@echo 'make install          tools, man pages and module sources for DKMS'
	@echo 'make clean            remove what was built'

modules:
	@test -n '$(KDIR)' || { echo 'esxmem: no kernel headers; apt-get install linux-headers-amd64'; exit 1; }
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

tools:
	$(MAKE) -C tools

selftests: tools
	$(MAKE) -C selftests/esxmem
	$(MAKE) -C selftests/kvm
	$(MAKE) -C selftests/model

demo:
	tools/demo/demo

lint:
	tools/lint/run

check:
	tools/deps/install build tools lab demo check
	$(MAKE) selftests
	selftests/check/run

bench:
	tools/deps/install lab demo bench
	$(MAKE) tools
	selftests/bench/bench $(if $(ONLY),--only $(ONLY)) $(if $(QUICK),--quick)

bench-docs:
	tools/deps/install bench
	selftests/bench/bench --docs

experiments:
	tools/deps/install lab demo bench
	$(MAKE) tools
	selftests/experiments/experiments $(if $(ONLY),--only $(ONLY)) $(if $(QUICK),--quick)

experiments-docs:
	tools/deps/install bench
	selftests/experiments/experiments --docs

install:
	$(MAKE) -C tools install DESTDIR=$(DESTDIR)
	install -d $(DKMS_DIR)
	install -m 0644 Kbuild dkms.conf LICENSE $(DKMS_DIR)
	find esxmem -name '*.[ch]' -exec install -D -m 0644 {} $(DKMS_DIR)/{} \;

clean:
	-$(MAKE) -C $(KDIR) M=$(CURDIR) clean
	-$(MAKE) -C tools clean
	-$(MAKE) -C selftests/esxmem clean
	-$(MAKE) -C selftests/kvm clean
	-$(MAKE) -C selftests/model clean
