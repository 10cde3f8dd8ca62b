// Makes the host calls that its input lists and answers with what came back: a reactor, or with -DCOMMAND a WASI command.
// Files are read and written as in any C program, too.
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST(name) __attribute__((import_module("hengio_v1"), import_name(#name)))
HOST(log) void host_log(int32_t level, const char *text, uint32_t len);
HOST(get_context) uint64_t get_context(const char *key, uint32_t len);
HOST(set_context) uint64_t set_context(const char *key, uint32_t len, const char *value, uint32_t value_len);
HOST(http_request) uint64_t http_request(const char *request, uint32_t len);
HOST(db_query) uint64_t db_query(const char *request, uint32_t len);
HOST(file_read) uint64_t file_read(const char *path, uint32_t len);
HOST(file_write) uint64_t file_write(const char *path, uint32_t len, const char *data, uint32_t data_len);
HOST(take_result) int32_t take_result(char *into, uint32_t cap);

typedef struct {
    const char *at;
    uint32_t len;
} Text;

// The end of the JSON value that begins at `at`. What the host passes is well-formed.
static const char *skip(const char *at) {
    int depth = 0;
    do {
        if (*at == '"') {
            for (at++; *at != '"'; at++) at += *at == '\\';
            at++;
        } else if (*at == '{' || *at == '[') {
            depth++, at++;
        } else if (*at == '}' || *at == ']') {
            depth--, at++;
        } else if (depth) {
            at++;
        } else {
            at += strcspn(at, ",]}");
        }
    } while (depth);
    return at;
}

// The JSON of a member of the object at `at`; empty if it has none.
static Text member(const char *at, const char *name) {
    uint32_t len = strlen(name);
    while (*at == '{' || *at == ',') {
        const char *key = at + 1, *colon = skip(key), *end = skip(colon + 1);
        if (colon - key == len + 2 && !memcmp(key + 1, name, len)) return (Text){colon + 1, end - colon - 1};
        at = end;
    }
    return (Text){"", 0};
}

// A text without its quotes. The calls under test have none with escapes.
static Text bare(Text json) { return json.len < 2 ? json : (Text){json.at + 1, json.len - 2}; }

static int is(Text text, const char *name) { return text.len == strlen(name) && !memcmp(text.at, name, text.len); }

static uint64_t call(const char *step) {
    Text name = bare(member(step, "call")), path = bare(member(step, "path"));
    Text request = member(step, "request"), value = member(step, "value"), message = bare(member(step, "message"));
    if (is(name, "get_context")) return get_context(path.at, path.len);
    if (is(name, "set_context")) return set_context(path.at, path.len, value.at, value.len);
    if (is(name, "http_request")) return http_request(request.at, request.len);
    if (is(name, "db_query")) return db_query(request.at, request.len);
    if (is(name, "file_read")) return file_read(path.at, path.len);
    if (is(name, "file_write")) return file_write(path.at, path.len, value.at, value.len);
    host_log(1, message.at, message.len);
    return 0;
}

// Copies the file at `path`, which holds JSON, to `into`. Returns its length, -1 if it cannot be read.
static int read_file(const char *path, char *into) {
    FILE *file = fopen(path, "r");
    if (!file) return -1;
    int len = fread(into, 1, 1 << 16, file);
    return ferror(file) | fclose(file) ? -1 : len;
}

static int write_file(const char *path, Text value, char *into) {
    FILE *file = fopen(path, "w");
    if (!file) return -1;
    int failed = fwrite(value.at, 1, value.len, file) < value.len;
    return fclose(file) | failed ? -1 : sprintf(into, "null");
}

// The names in a folder, in the order in which the host has them.
static int list_folder(const char *path, char *into) {
    DIR *folder = opendir(path);
    if (!folder) return -1;
    int used = sprintf(into, "[");
    for (struct dirent *each = readdir(folder); each; each = readdir(folder))
        if (strcmp(each->d_name, ".") && strcmp(each->d_name, ".."))
            used += sprintf(into + used, "%s\"%s\"", used > 1 ? "," : "", each->d_name);
    closedir(folder);
    return used + sprintf(into + used, "]");
}

// What a plain function on files replies, with its status: 0, or 1 if it failed. 0 if the step is none of these.
static int plain(const char *step, char *into) {
    Text name = bare(member(step, "call")), at = bare(member(step, "path"));
    char path[256], *reply = into + sprintf(into, "{\"status\":0,\"reply\":");
    int len;
    sprintf(path, "%.*s", (int)at.len, at.at);
    if (is(name, "read_file"))
        len = read_file(path, reply);
    else if (is(name, "write_file"))
        len = write_file(path, member(step, "value"), reply);
    else if (is(name, "list_folder"))
        len = list_folder(path, reply);
    else
        return 0;
    if (len < 0) return sprintf(into, "{\"status\":1,\"reply\":null}");
    return reply - into + len + sprintf(reply + len, "}");
}

static char *answer(const char *input) {
    size_t used = 1, room = 1 << 20;
    char *out = malloc(room);
    out[0] = '[';
    for (const char *at = member(member(input, "input").at, "do").at; *at != ']' && at[1] != ']'; at = skip(at + 1)) {
        if (used > 1) out[used++] = ',';
        int done = plain(at + 1, out + used);
        used += done;
        if (done) continue;
        uint64_t told = call(at + 1);
        used += sprintf(out + used, "{\"status\":%u,\"reply\":", (unsigned)(told >> 32));
        int32_t len = (uint32_t)told ? take_result(out + used, room - used) : sprintf(out + used, "null");
        if (len < 0) __builtin_trap();
        used += len;
        out[used++] = '}';
    }
    strcpy(out + used, "]");
    return out;
}

#ifdef COMMAND
int main(void) {
    static char input[1 << 16];
    fread(input, 1, sizeof input - 1, stdin);
    puts(answer(input));
    return 0;
}
#else
__attribute__((export_name("hengio_alloc"))) void *hengio_alloc(uint32_t size) { return calloc(1, size + 1); }

__attribute__((export_name("run"))) uint64_t run(const char *input, uint32_t len) {
    (void)len; // hengio_alloc left a 0 behind it
    char *out = answer(input);
    return (uint64_t)(uintptr_t)out << 32 | strlen(out);
}
#endif
