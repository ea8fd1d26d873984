# `make run` to try Holdfast, `make test` for everything CI runs.
CARGO ?= cargo
TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
HOLDFAST := $(TARGET)/release/holdfast
SHOWN := $(patsubst $(CURDIR)/%,%,$(HOLDFAST))
PREFIX ?= /usr/local
MOUNTPOINT ?= mnt
DATA ?= .holdfast

BUILD_PACKAGES := g++ libclang1-14 libclang-common-14-dev fuse3
TEST_PACKAGES := acl attr e2fsprogs iproute2 nftables openssl sqlite3 stress-ng
PJDFSTEST := pjdfstest@=0.2.2
FSX := fsx@=0.3.2
LLVM_COV := cargo-llvm-cov@=0.6.21

.PHONY: run stop build install install-built deb deb-built test sim jepsen upgrade inodes micro coverage packages test-tools

# Builds, mounts, and says what to try. Running it again changes nothing.
run: build
	@stat $(MOUNTPOINT) >/dev/null 2>&1 || fusermount3 -u -z $(MOUNTPOINT) 2>/dev/null || true
	@mkdir -p $(MOUNTPOINT)
	@mountpoint -q $(MOUNTPOINT) || $(HOLDFAST) mount --data $(DATA) $(MOUNTPOINT)
	@echo
	@echo "  Holdfast is mounted on $(MOUNTPOINT); its data is in $(DATA). Try:"
	@echo
	@echo "    df -h $(MOUNTPOINT)"
	@echo "    cp -a metadata $(MOUNTPOINT)/ && ls -l $(MOUNTPOINT)/metadata"
	@echo "    $(SHOWN) bench $(MOUNTPOINT)   # how fast it is (about a minute)"
	@echo "    $(SHOWN) --help      # what else there is"
	@echo "    make stop   # unmount; the data stays for the next make run"
	@echo

# Unmounts what `make run` mounted.
stop:
	@if mountpoint -q $(MOUNTPOINT); then \
		$(HOLDFAST) umount $(MOUNTPOINT) && echo "unmounted $(MOUNTPOINT); its data stays in $(DATA)"; \
	else \
		echo "nothing is mounted on $(MOUNTPOINT)"; \
	fi

build: packages
	$(CARGO) build --release --package holdfast

# Also lets `mount -t holdfast`, fstab, systemd, shells and man find it.
install: build install-built

UNITS := $(notdir $(wildcard tools/holdfast/packaging/*.service))
COMPLETIONS := bash-completion/completions/holdfast zsh/site-functions/_holdfast fish/vendor_completions.d/holdfast.fish

# What is built, to where it belongs; a package is made of the same.
install-built:
	install -D -m 755 $(HOLDFAST) $(DESTDIR)$(PREFIX)/bin/holdfast
	$(HOLDFAST) man $(DESTDIR)$(PREFIX)/share/man
	install -D -m 644 tools/holdfast/packaging/node.toml $(DESTDIR)$(PREFIX)/share/doc/holdfast/node.toml
	install -d $(addprefix $(DESTDIR)$(PREFIX)/,lib/systemd/system $(addprefix share/,$(dir $(COMPLETIONS))))
	for unit in $(UNITS); do \
		sed 's|/usr/local|$(PREFIX)|g' "tools/holdfast/packaging/$$unit" > "$(DESTDIR)$(PREFIX)/lib/systemd/system/$$unit" || exit; \
	done
	for file in $(COMPLETIONS); do \
		$(HOLDFAST) completions "$$(expr "$$file" : '\([a-z]*\)')" > "$(DESTDIR)$(PREFIX)/share/$$file" || exit; \
	done
	install -d $(DESTDIR)/sbin
	ln -sf $(PREFIX)/bin/holdfast $(DESTDIR)/sbin/mount.holdfast
	ln -sf $(PREFIX)/bin/holdfast $(DESTDIR)/sbin/mount.fuse.holdfast

# A package of the same for dpkg, in the target directory. Not by cargo-deb, which would have a list of the files of its own.
deb: build deb-built

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
ARCHITECTURE = $(shell dpkg --print-architecture)
LIBC = $(shell dpkg-query --show --showformat '$${Version}' libc6 | sed 's/-.*//')
DEB ?= $(TARGET)/holdfast_$(VERSION)_$(ARCHITECTURE).deb
# Beside the package, under a name that nothing else has: it is removed.
STAGE = $(DEB).stage

deb-built:
	rm -rf "$(STAGE)"
	$(MAKE) --no-print-directory install-built DESTDIR="$(STAGE)" PREFIX=/usr
	install -D -m 644 LICENSE "$(STAGE)/usr/share/doc/holdfast/copyright"
	install -d "$(STAGE)/DEBIAN"
	sed -e 's/@VERSION@/$(VERSION)/; s/@ARCHITECTURE@/$(ARCHITECTURE)/; s/@LIBC@/$(LIBC)/' \
		-e "s/@SIZE@/$$(du --summarize --block-size=1K "$(STAGE)/usr" | cut -f1)/" \
		tools/holdfast/packaging/control > "$(STAGE)/DEBIAN/control"
	dpkg-deb --root-owner-group -Zzstd --build "$(STAGE)" "$(DEB)"
	rm -rf "$(STAGE)"

test: packages test-tools
	$(CARGO) xtask verify

SUITES := --release --workspace --all-features

# Simulated clusters, each with a seed of its own; `HOLDFAST_SEED=N make sim` repeats one.
SEEDS ?= 200
sim: packages
	SEEDS=$(SEEDS) $(CARGO) test $(SUITES) --lib simulated_clusters -- --nocapture

# Histories of real mounts of a cluster to which things happen.
MINUTES ?= 30
jepsen: packages test-tools
	$(CARGO) build $(SUITES) --bins
	MINUTES=$(MINUTES) $(CARGO) test $(SUITES) --test linearizability -- --nocapture --test-threads 1

# What an earlier program has made, and a cluster of it that is in use, go on with this one: `make upgrade OLD=PATH`.
upgrade: packages test-tools
	@[ -x "$(OLD)" ] || { echo "upgrade: OLD=PATH of an earlier holdfast"; exit 1; }
	$(CARGO) build $(SUITES) --bins
	HOLDFAST_OLD=$(abspath $(OLD)) $(CARGO) test $(SUITES) --test cluster upgrade:: -- --nocapture

# Memory of a node with so many inodes, and of a mount that has walked them.
INODES ?= 10000000
inodes: packages test-tools
	$(CARGO) build $(SUITES) --bins
	INODES=$(INODES) $(CARGO) test $(SUITES) --test inodes -- --nocapture

# What a command, a lock and a message cost by themselves; `PART=create` only those with that in their names.
micro: packages
	$(CARGO) run --quiet --release --package holdfast-micro -- $(PART)

# Lines that tests reach, in their own processes and in nodes and mounts that they start and kill (so counters are in
# mapped files: `%c`); a build of its own, without optimisation, whose memory says nothing.
COVERED := --lib --tests --package holdfast-metadata --package holdfast-replicator
COVERED_SUITES := $(addprefix --test ,backup check recover security)
coverage: packages test-tools
	@[ "$$(id -u)" = 0 ] || { echo "coverage: as root, because its tests mount"; exit 1; }
	@rustup component add llvm-tools
	CARGO_TARGET_DIR=$(TARGET)/tools/build $(CARGO) install --quiet --locked --root $(TARGET)/tools $(LLVM_COV)
	export PATH="$(TARGET)/tools/bin:$$PATH" CARGO_TARGET_DIR=$(TARGET)/coverage RUSTFLAGS="-C llvm-args=-runtime-counter-relocation" && \
	settings=$$($(CARGO) llvm-cov show-env --export-prefix) && eval "$$settings" && export LLVM_PROFILE_FILE="$(TARGET)/coverage/%4m%c.profraw" && \
	$(CARGO) llvm-cov clean --profraw-only && \
	$(CARGO) build --package holdfast --all-features && \
	$(CARGO) test --all-features $(COVERED) && \
	$(CARGO) test --all-features --package holdfast-tests $(COVERED_SUITES) -- --skip memory:: && \
	for crate in metadata replicator; do \
		others=$$(ls -d */ | grep -v "^$$crate/" | tr -d '\n' | sed 's|/$$||; s|/|\||g') && \
		echo "== $$crate" && \
		$(CARGO) llvm-cov report --summary-only --ignore-filename-regex "^$(CURDIR)/(($$others)/|.*/(tests|testing|simulation|fuzz)[./])" || exit; \
	done

packages:
	@tools/xtask/install-packages $(BUILD_PACKAGES)

# The external test programs, of exactly these versions; present ones are kept.
test-tools: packages
	@tools/xtask/install-packages $(TEST_PACKAGES)
	CARGO_TARGET_DIR=$(TARGET)/tools/build $(CARGO) install --quiet --locked --root $(TARGET)/tools $(PJDFSTEST) $(FSX)
