#include "tests/support/support.h"
#include <poll.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/clock.h"

static char dirs[256][64];
static int dir_count;
static pid_t owner;

static int drop(const char *path, const struct stat *st, int flag, struct FTW *walk)
{
    (void)st;
    (void)flag;
    (void)walk;
    return remove(path);
}

static void clean(void)
{
    for (int i = 0; i < dir_count && owner == getpid(); i++)
        nftw(dirs[i], drop, 16, FTW_DEPTH | FTW_PHYS);
}

const char *temp_dir(void)
{
    if (!dir_count) {
        owner = getpid();
        atexit(clean);
    }
    assert_true(dir_count < 256);
    char *dir = dirs[dir_count++];
    strcpy(dir, "/tmp/quanta-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
    return dir;
}

const char *shared_data(void)
{
    static const char *const places[] = {"../shared/data", "../../shared/data"};
    for (size_t i = 0; i < 2; i++)
        if (access(places[i], R_OK) == 0)
            return places[i];
    return NULL;
}

bool soak(void)
{
    return getenv("QUANTA_SOAK") != NULL;
}

uint64_t test_seed(uint64_t fallback)
{
    const char *text = getenv("QUANTA_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 10) : fallback;
    print_message("seed %llu (QUANTA_SEED)\n", (unsigned long long)seed);
    return seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
}

uint64_t draw(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s >> 8;
}

dec D(const char *text)
{
    dec out = 0;
    if (!dec_parse(text, &out))
        fail_msg("'%s' is no decimal", text);
    return out;
}

const char *build_dir(void)
{
    const char *dir = getenv("QUANTA_BUILD");
    return dir ? dir : "build";
}

int64_t millis(void)
{
    return clock_mono(&clock_system) / MILLI;
}

void rest_ms(int ms)
{
    poll(NULL, 0, ms);
}
