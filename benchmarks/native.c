/* The floor: the same fresh, limited call in C on the same library, which is opened by path: fuel, an epoch callback,
 * memory and table limits, and at the end the fuel left and the size of memory.
 *
 * The library comes without headers, so the few functions are declared here; structures are kept as words.
 */
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#define WORDS(bytes) ((bytes) / 8)
#define CALL(result, name, ...) ((result(*)(__VA_ARGS__))dlsym(library, #name))

typedef struct { uint64_t words[WORDS(16)]; } instance_t;
typedef struct { uint64_t kind, of[WORDS(24)]; } extern_t;
typedef struct { uint64_t low, high; } raw_t;

static void *library, *engine, *pre;
static void *(*store_new)(void *, void *, void *);
static void *(*store_context)(void *);
static void (*store_delete)(void *);
static void (*store_limiter)(void *, int64_t, int64_t, int64_t, int64_t, int64_t);
static void *(*set_fuel)(void *, uint64_t);
static void *(*get_fuel)(void *, uint64_t *);
static void (*on_epoch)(void *, void *, void *, void *);
static void (*set_epoch)(void *, uint64_t);
static void *(*instantiate)(void *, void *, void *, void **);
static int (*export_get)(void *, void *, const char *, size_t, void *);
static void *(*call)(void *, void *, raw_t *, size_t, void **);
static uint8_t *(*memory_data)(void *, void *);
static size_t (*memory_size)(void *, void *);

static void configure(void *config) {
    CALL(void, wasmtime_config_consume_fuel_set, void *, int)(config, 1);
    CALL(void, wasmtime_config_epoch_interruption_set, void *, int)(config, 1);
    void *pool = CALL(void *, wasmtime_pooling_allocation_config_new, void)();
    CALL(void, wasmtime_pooling_allocation_config_total_core_instances_set, void *, uint32_t)(pool, 8);
    CALL(void, wasmtime_pooling_allocation_config_total_memories_set, void *, uint32_t)(pool, 8);
    CALL(void, wasmtime_pooling_allocation_config_total_tables_set, void *, uint32_t)(pool, 8);
    CALL(void, wasmtime_pooling_allocation_config_max_memory_size_set, void *, size_t)(pool, (size_t)64 << 20);
    CALL(void, wasmtime_pooling_allocation_config_linear_memory_keep_resident_set, void *, size_t)(pool, 128 << 10);
    CALL(void, wasmtime_pooling_allocation_strategy_set, void *, void *)(config, pool);
    CALL(void, wasmtime_pooling_allocation_config_delete, void *)(pool);
}

/* Opens the library and compiles the module. Returns 0 when all went well. */
int prepare(const char *path, const uint8_t *wasm, size_t size) {
    library = dlopen(path, RTLD_NOW);
    if (!library) return 1;
    store_new = dlsym(library, "wasmtime_store_new");
    store_context = dlsym(library, "wasmtime_store_context");
    store_delete = dlsym(library, "wasmtime_store_delete");
    store_limiter = dlsym(library, "wasmtime_store_limiter");
    set_fuel = dlsym(library, "wasmtime_context_set_fuel");
    get_fuel = dlsym(library, "wasmtime_context_get_fuel");
    on_epoch = dlsym(library, "wasmtime_store_epoch_deadline_callback");
    set_epoch = dlsym(library, "wasmtime_context_set_epoch_deadline");
    instantiate = dlsym(library, "wasmtime_instance_pre_instantiate");
    export_get = dlsym(library, "wasmtime_instance_export_get");
    call = dlsym(library, "wasmtime_func_call_unchecked");
    memory_data = dlsym(library, "wasmtime_memory_data");
    memory_size = dlsym(library, "wasmtime_memory_data_size");
    void *config = CALL(void *, wasm_config_new, void)();
    configure(config);
    engine = CALL(void *, wasm_engine_new_with_config, void *)(config);
    void *module = NULL, *linker = CALL(void *, wasmtime_linker_new, void *)(engine);
    if (CALL(void *, wasmtime_module_new, void *, const uint8_t *, size_t, void **)(engine, wasm, size, &module)) return 2;
    if (CALL(void *, wasmtime_linker_instantiate_pre, void *, void *, void **)(linker, module, &pre)) return 3;
    return 0;
}

static void *go_on(void *context, void *data, uint64_t *delta, uint8_t *kind) {
    (void)context, (void)data;
    *delta = 1;
    *kind = 0;
    return NULL;
}

static int once(const uint8_t *input, size_t length, uint8_t *output) {
    void *store = store_new(engine, NULL, NULL), *context = store_context(store), *trap = NULL;
    instance_t instance;
    extern_t memory, function;
    raw_t values[2];
    uint64_t fuel;
    int failed = 1;
    set_fuel(context, 1000000000);
    set_epoch(context, 1);
    on_epoch(store, go_on, NULL, NULL);
    store_limiter(store, (int64_t)64 << 20, 100000, 1, 4, 1);
    if (instantiate(pre, context, &instance, &trap) || trap) goto end;
    if (!export_get(context, &instance, "memory", 6, &memory)) goto end;
    if (!export_get(context, &instance, "hengio_alloc", 12, &function)) goto end;
    values[0].low = length;
    if (call(context, function.of, values, 2, &trap) || trap) goto end;
    uint32_t at = (uint32_t)values[0].low;
    if (at + length > memory_size(context, memory.of)) goto end;
    memcpy(memory_data(context, memory.of) + at, input, length);
    if (!export_get(context, &instance, "run", 3, &function)) goto end;
    values[0].low = at;
    values[1].low = length;
    if (call(context, function.of, values, 2, &trap) || trap) goto end;
    uint32_t from = (uint32_t)(values[0].low >> 32), size = (uint32_t)values[0].low;
    if ((uint64_t)from + size > memory_size(context, memory.of) || size != length) goto end;
    memcpy(output, memory_data(context, memory.of) + from, size);
    if (get_fuel(context, &fuel) || !memory_size(context, memory.of)) goto end;
    failed = 0;
end:
    store_delete(store);
    return failed;
}

/* Nanoseconds for `times` calls, or -1 if one failed. */
int64_t measure(const uint8_t *input, size_t length, uint8_t *output, int times) {
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (int i = 0; i < times; i++)
        if (once(input, length, output)) return -1;
    clock_gettime(CLOCK_MONOTONIC, &to);
    return (to.tv_sec - from.tv_sec) * 1000000000LL + (to.tv_nsec - from.tv_nsec);
}
