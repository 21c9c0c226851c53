/* A libnvidia-ml.so.1 without a GPU. What its boards do stands in the file `<this library>.conf`: lines `key value` for
 * all boards, or `N.key value` for board N. It is read anew whenever it is another one, so that a test turns it while a counter runs:
 *
 *   boards 2        how many                    name X        what they are called
 *   watts 100       the power                   limit 700     the power limit
 *   period_ms 0     the energy counter moves this often; 0: always
 *   joules 0        added to the energy counter; negative: it was reset
 *   frozen -1       the energy counter stands at this many mJ; -1: it runs
 *   field_type 1    the type of the power field: 1 milliwatts, 0 a double, which is field_value
 *   pids            "12:30,self:70": the processes and their SM utilisation, sampled every 100 ms; `self` is the
 *                   calling process
 *   slow_ms 0       how long it takes to tell the processes
 *   mig 0           1: MIG is on, with an instance MIG-N of `slices` 3 of 7
 *   init, handle, energy, power, field, processes, utilization
 *                   what these calls return: 0 well, 3 not supported, 4 no permission, 9 no driver, 15 the GPU is lost
 *
 * Any other key ends the test. A call before it was started, and one on a board that it has not told of, fails.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

typedef unsigned int u32;
typedef unsigned long long u64;
typedef struct { u32 board, mig; } Handle;
typedef struct { u32 pid; u64 memory; u32 gpu_instance, compute_instance; } Process;
typedef struct { u32 pid; u64 at; u32 sm, memory, encoder, decoder; } Utilization;
typedef union { double d; u32 ui; unsigned long ul; u64 ull; long long sll; } Value;
typedef struct { u32 id, scope; long long at, latency; u32 type, result; Value value; } Field;
typedef struct { u32 counts[6], gpu_slices, compute_slices; u64 memory_mb; } Attributes;

enum { OK = 0, UNINITIALIZED = 1, INVALID = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, SMALL = 7 };

static struct { int board; char key[64], value[400]; } lines[64];
static int line_count;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* A key that nobody reads would make a test that tests nothing. */
static void demand_key(const char *key) {
    static const char *keys[] = {"boards", "name", "watts", "limit", "period_ms", "joules", "frozen", "field_type",
                                 "field_value", "pids", "slow_ms", "mig", "slices", "init", "handle", "energy", "power",
                                 "field", "processes", "utilization"};
    for (size_t at = 0; at < sizeof keys / sizeof *keys; at++)
        if (!strcmp(keys[at], key)) return;
    fprintf(stderr, "fake NVML: there is no key `%s`\n", key);
    abort();
}

/* Reads the lines anew where the file is another one: at the beginning of every call of the library. */
static void refresh(void) {
    static char path[4096];
    static ino_t inode;
    static struct timespec changed;
    struct stat now;
    Dl_info info;
    char line[512], name[64];
    pthread_mutex_lock(&lock);
    if (!*path && dladdr((void *)refresh, &info)) snprintf(path, sizeof path, "%s.conf", info.dli_fname);
    int same = stat(path, &now) || (now.st_ino == inode && now.st_mtim.tv_nsec == changed.tv_nsec);
    FILE *file = same ? NULL : fopen(path, "r");
    if (!same) inode = now.st_ino, changed = now.st_mtim, line_count = 0;
    while (file && line_count < 64 && fgets(line, sizeof line, file)) {
        lines[line_count].value[0] = 0;
        if (sscanf(line, "%63s %399s", name, lines[line_count].value) < 1) continue;
        char *dot = strchr(name, '.');
        lines[line_count].board = dot ? atoi(name) : -1;
        snprintf(lines[line_count].key, sizeof lines->key, "%s", dot ? dot + 1 : name);
        demand_key(lines[line_count++].key);
    }
    if (file) fclose(file);
    pthread_mutex_unlock(&lock);
}

/* The last line for this board, else the last for all. */
static void text(int board, const char *key, const char *other, char *value, size_t size) {
    int own = 0;
    pthread_mutex_lock(&lock);
    snprintf(value, size, "%s", other);
    for (int at = 0; at < line_count; at++) {
        if (strcmp(lines[at].key, key) || (lines[at].board != board && (lines[at].board >= 0 || own))) continue;
        snprintf(value, size, "%s", lines[at].value);
        own = lines[at].board == board;
    }
    pthread_mutex_unlock(&lock);
}

static double number(int board, const char *key, double other) {
    char value[400];
    text(board, key, "", value, sizeof value);
    return *value ? atof(value) : other;
}

static u32 code(int board, const char *key) { return (u32)number(board, key, 0); }

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static Handle handles[64];
static Handle *handle(u32 board, u32 mig) {
    Handle *it = &handles[board * 2 + mig];
    it->board = board, it->mig = mig;
    return it;
}

static int known(const Handle *device) {
    return device >= handles && device < handles + 64 && device->board < (u32)number(0, "boards", 1);
}

/* Like the real one, it does nothing before it was started. */
static int started;
#define BEGIN() do { refresh(); if (!started) return UNINITIALIZED; } while (0)
/* A board that it has told of. */
#define ON(device) do { BEGIN(); if (!known(device)) return INVALID; } while (0)

u32 nvmlInit_v2(void) {
    refresh();
    u32 result = code(0, "init");
    if (result == OK) __atomic_add_fetch(&started, 1, __ATOMIC_SEQ_CST);
    return result;
}

u32 nvmlShutdown(void) {
    BEGIN();
    __atomic_sub_fetch(&started, 1, __ATOMIC_SEQ_CST);
    return OK;
}

u32 nvmlDeviceGetCount_v2(u32 *count) { BEGIN(); return *count = (u32)number(0, "boards", 1), OK; }

u32 nvmlDeviceGetHandleByIndex_v2(u32 index, Handle **device) {
    BEGIN();
    if (index >= (u32)number(0, "boards", 1) || index > 31) return INVALID;
    *device = handle(index, 0);
    return code((int)index, "handle");
}

u32 nvmlDeviceGetHandleByUUID(const char *uuid, Handle **device) {
    BEGIN();
    u32 index;
    if (sscanf(uuid, "MIG-%u", &index) == 1 && code((int)index, "mig")) return *device = handle(index, 1), OK;
    if (sscanf(uuid, "GPU-%u", &index) == 1) return nvmlDeviceGetHandleByIndex_v2(index, device);
    return NOT_FOUND;
}

u32 nvmlDeviceGetDeviceHandleFromMigDeviceHandle(Handle *device, Handle **parent) {
    ON(device);
    return *parent = handle(device->board, 0), OK;
}

u32 nvmlDeviceGetIndex(Handle *device, u32 *index) { ON(device); return *index = device->board, OK; }

u32 nvmlDeviceGetUUID(Handle *device, char *uuid, u32 length) {
    ON(device);
    return snprintf(uuid, length, "%s-%u-of-the-fake", device->mig ? "MIG" : "GPU", device->board), OK;
}

u32 nvmlDeviceGetName(Handle *device, char *name, u32 length) {
    ON(device);
    char value[400];
    text((int)device->board, "name", "Fake-GPU", value, sizeof value);
    return snprintf(name, length, "%s", value), OK;
}

u32 nvmlDeviceGetTotalEnergyConsumption(Handle *device, u64 *millijoules) {
    ON(device);
    static struct { double at, joules; } boards[32];
    int board = (int)device->board;
    double period = number(board, "period_ms", 0) / 1e3, frozen = number(board, "frozen", -1);
    double watts = number(board, "watts", 100), added = number(board, "joules", 0), now = seconds();
    if (period > 0) now = (double)(long long)(now / period) * period;
    pthread_mutex_lock(&lock);
    if (boards[board].at == 0) boards[board].at = now, boards[board].joules = 1000;
    boards[board].joules += watts * (now - boards[board].at);
    boards[board].at = now;
    double joules = boards[board].joules + added;
    pthread_mutex_unlock(&lock);
    *millijoules = frozen >= 0 ? (u64)frozen : joules > 0 ? (u64)(joules * 1e3) : 0;
    return code(board, "energy");
}

u32 nvmlDeviceGetPowerUsage(Handle *device, u32 *milliwatts) {
    ON(device);
    return *milliwatts = (u32)(number((int)device->board, "watts", 100) * 1e3), code((int)device->board, "power");
}

u32 nvmlDeviceGetEnforcedPowerLimit(Handle *device, u32 *milliwatts) {
    ON(device);
    return *milliwatts = (u32)(number((int)device->board, "limit", 700) * 1e3), code((int)device->board, "power");
}

u32 nvmlDeviceGetFieldValues(Handle *device, int count, Field *fields) {
    ON(device);
    for (int at = 0; at < count; at++) {
        fields[at].result = fields[at].id == 186 ? code((int)device->board, "field") : NOT_SUPPORTED;
        fields[at].type = (u32)number((int)device->board, "field_type", 1);
        if (fields[at].type == 0) fields[at].value.d = number((int)device->board, "field_value", 0);
        else fields[at].value.ui = (u32)(number((int)device->board, "watts", 100) * 1e3);
    }
    return OK;
}

/* `pids` as two lists; the number of them. */
static u32 processes(int board, u32 *pids, u32 *shares, u32 most) {
    char value[400], *rest = value, *one;
    u32 count = 0;
    text(board, "pids", "", value, sizeof value);
    while ((one = strsep(&rest, ",")) && *one && count < most) {
        char *share = strchr(one, ':');
        pids[count] = !strncmp(one, "self", 4) ? (u32)getpid() : (u32)atoi(one);
        shares[count++] = share ? (u32)atoi(share + 1) : 0;
    }
    return count;
}

u32 nvmlDeviceGetComputeRunningProcesses_v3(Handle *device, u32 *count, Process *list) {
    ON(device);
    u32 pids[16], shares[16], found = processes((int)device->board, pids, shares, 16), room = *count;
    usleep((useconds_t)(number((int)device->board, "slow_ms", 0) * 1e3));
    *count = found;
    if (code((int)device->board, "processes")) return code((int)device->board, "processes");
    if (room < found) return SMALL;
    for (u32 at = 0; at < found; at++) list[at] = (Process){pids[at], 1, ~0u, ~0u};
    return OK;
}

u32 nvmlDeviceGetGraphicsRunningProcesses_v3(Handle *device, u32 *count, Process *list) {
    ON(device);
    (void)device, (void)list;
    return *count = 0, OK;
}

u32 nvmlDeviceGetProcessUtilization(Handle *device, Utilization *list, u32 *count, u64 since) {
    ON(device);
    u32 pids[16], shares[16], found = processes((int)device->board, pids, shares, 16), room = *count, kept = 0;
    u64 at = (u64)(seconds() * 10) * 100000;
    if (code((int)device->board, "utilization")) return code((int)device->board, "utilization");
    if (at <= since) return NOT_FOUND;
    for (u32 one = 0; one < found; one++) {
        if (!shares[one]) continue;
        if (list && kept < room) list[kept] = (Utilization){pids[one], at, shares[one], 0, 0, 0};
        kept++;
    }
    *count = kept;
    return kept == 0 ? NOT_FOUND : room < kept ? SMALL : OK;
}

u32 nvmlDeviceGetMigMode(Handle *device, u32 *current, u32 *pending) {
    ON(device);
    return *current = *pending = code((int)device->board, "mig"), OK;
}

u32 nvmlDeviceGetMaxMigDeviceCount(Handle *device, u32 *count) { ON(device); return (void)device, *count = 7, OK; }

u32 nvmlDeviceGetAttributes_v2(Handle *device, Attributes *attributes) {
    ON(device);
    memset(attributes, 0, sizeof *attributes);
    attributes->gpu_slices = (u32)number((int)device->board, "slices", 3);
    return device->mig ? OK : NOT_SUPPORTED;
}
