# Quanta. `make run` for a desk, `make help` for the rest.
BUILD   ?= build
ifeq ($(origin CC),default)
CC       = gcc
endif
PREFIX  ?= /usr/local
OPT     ?= -O2
WARN     = -Wall -Wextra -Wshadow -Wconversion $(if $(findstring clang,$(CC)),,-Wno-format-truncation) -Werror
PKGS     = libcurl jansson libwebsockets libcrypto libssl sqlite3 ncursesw
CFLAGS  ?= $(OPT) -g1
PQ_C     = $(shell pkg-config --cflags libpq 2>/dev/null)
ALL_C    = -std=c17 -D_GNU_SOURCE -I. -I$(BUILD) $(PQ_C) $(WARN) $(CFLAGS) -fno-math-errno -fstack-protector-strong
comma   := ,
ifdef SANITIZE
BUILD   := build/$(subst $(comma),-,$(SANITIZE))
ALL_C   += -fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=undefined
LINK    += -fsanitize=$(SANITIZE)
endif
MAKEFLAGS += --no-builtin-rules
# Q= shows every command.
Q       ?= @

COMMON   = $(wildcard common/*.c common/records/*.c)
BACKEND  = $(wildcard backend/*/*.c backend/*/*/*.c)
QUANTAD  = $(filter-out backend/audit.c,$(wildcard backend/*.c))
CLIENT   = $(wildcard client/*.c)
TUI      = $(filter-out tui/main.c,$(wildcard tui/*.c tui/panes/*.c))
TESTS    = $(wildcard tests/unit/*.c tests/service/*.c tests/screen/*.c tests/fault/*.c tests/tier/*.c)
objs     = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
SUPPORT  = $(wildcard tests/support/*.c)
ASSETS   = $(wildcard themes/* keymaps/*)

COMMON_LIBS  = -ljansson -lm
BACKEND_LIBS = -lwebsockets -lcurl -lssl -lsqlite3 -lpq -lrabbitmq -lrdkafka -lcrypto $(COMMON_LIBS) -lpthread
CLIENT_LIBS  = -lwebsockets -lcurl $(COMMON_LIBS) -lpthread
TUI_LIBS     = -lncursesw -ltinfo $(CLIENT_LIBS)

PROGRAMS = $(BUILD)/quanta-tui $(BUILD)/quantad $(BUILD)/quanta-audit
TEST_BINS = $(patsubst tests/%.c,$(BUILD)/tests/%,$(TESTS))

all: $(PROGRAMS)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_C) -MMD -MP -c $< -o $@

# The documented default theme and keymap are what is compiled in.
$(BUILD)/built_in.h: .ci/embed.sh $(ASSETS)
	@mkdir -p $(@D)
	@sh .ci/embed.sh $(ASSETS) > $@
$(BUILD)/obj/tui/assets.o: $(BUILD)/built_in.h

$(BUILD)/quantad: $(call objs,$(QUANTAD) $(BACKEND) $(COMMON))
	$(Q)$(CC) $(LINK) -o $@ $^ $(BACKEND_LIBS)
$(BUILD)/quanta-tui: $(call objs,tui/main.c $(TUI) $(CLIENT) $(COMMON))
	$(Q)$(CC) $(LINK) -o $@ $^ $(TUI_LIBS)
$(BUILD)/quanta-audit: $(call objs,backend/audit.c backend/data/audit_chain.c backend/data/store_sqlite.c $(COMMON))
	$(Q)$(CC) $(LINK) -o $@ $^ -lsqlite3 -lcrypto $(COMMON_LIBS)

$(BUILD)/tests/unit/%: $(BUILD)/obj/tests/unit/%.o $(call objs,$(SUPPORT) $(BACKEND) $(TUI) $(CLIENT) $(COMMON))
	@mkdir -p $(@D)
	$(Q)$(CC) $(LINK) -o $@ $^ -lcmocka -lvterm -lutil $(BACKEND_LIBS) $(TUI_LIBS)
$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(call objs,$(SUPPORT) $(BACKEND) $(TUI) $(CLIENT) $(COMMON))
	@mkdir -p $(@D)
	$(Q)$(CC) $(LINK) -o $@ $^ -lcmocka -lvterm -lutil $(BACKEND_LIBS) $(TUI_LIBS)

tests: $(PROGRAMS) $(TEST_BINS)

deps:
	@sh .ci/deps.sh
SERVERS  = postgresql rabbitmq-server
# The servers of tests/tier; a suite whose server cannot be had skips itself and says so.
test-deps: deps
	@for p in $(SERVERS); do sh .ci/deps.sh $$p || echo "$$p cannot be had: its tests will skip"; done
	@sh .ci/kafka.sh build/tiers/kafka || echo "Kafka cannot be had: librdkafka's mock cluster stands in"
run: deps
	@$(MAKE) -s -j2 all
	@if [ -t 0 ] && [ -t 1 ]; then exec $(BUILD)/quanta-tui; else \
	  $(BUILD)/quanta-tui --screenshot 160x48 && echo && \
	  echo "No terminal here. Open the desk in one with: $(abspath $(BUILD))/quanta-tui"; fi
check: test-deps
	@$(MAKE) -s -j2 tests
	@bash tests/run.sh $(BUILD) $(SUITES)
# The production tiers on this machine: .ci/tiers.sh says what.
tiers-up: test-deps
	@sh .ci/deps.sh haproxy python3
	@$(MAKE) -s -j2 all
	@bash .ci/tiers.sh up
tiers-run:
	@$(MAKE) -s -j2 all
	@bash .ci/tiers.sh run
tiers-down:
	@bash .ci/tiers.sh down
soak: test-deps
	@$(MAKE) -s -j2 tests
	@QUANTA_SOAK=1 bash tests/run.sh $(BUILD) $(SUITES)
bench: deps
	@$(MAKE) -s -j2 all $(BUILD)/tests/bench/bench
	@sh tests/bench/run.sh $(BUILD)
openapi: $(BUILD)/quantad
	$(BUILD)/quantad --openapi > backend/gateway/openapi.json
format:
	clang-format -i $$(git ls-files '*.c' '*.h')
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/quanta/themes $(DESTDIR)$(PREFIX)/share/quanta/keymaps
	install -m755 $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin
	install -m644 quanta-tui.1 $(DESTDIR)$(PREFIX)/share/man/man1
	install -m644 themes/* $(DESTDIR)$(PREFIX)/share/quanta/themes
	install -m644 keymaps/* $(DESTDIR)$(PREFIX)/share/quanta/keymaps
clean:
	rm -rf build
help:
	@echo "make            build build/quanta-tui, build/quantad, build/quanta-audit"
	@echo "make run        from a fresh Debian machine to a live desk"
	@echo "make check      from a fresh machine to a tested one   (SUITES='unit/dec ...' runs some)"
	@echo "make soak       what takes long: a thousand kills, three thousand power cuts, long days replayed"
	@echo "make tiers-up   PostgreSQL with a standby, RabbitMQ and Kafka on loopback, in build/tiers"
	@echo "make tiers-run  four services on them, and a workstation; make tiers-down stops them all"
	@echo "make bench      measure, peers in the same run"
	@echo "make deps       install missing packages"
	@echo "make openapi    write backend/gateway/openapi.json from the tables that serve it"
	@echo "make format     clang-format over what git tracks"
	@echo "make install PREFIX= DESTDIR=, make clean"
	@echo "make SANITIZE=address,undefined check; make SANITIZE=thread check"

.PHONY: tiers-up tiers-run tiers-down all tests deps test-deps run check soak bench openapi format install clean help
.SECONDARY:
