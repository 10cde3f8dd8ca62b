// Makes the host calls that its input lists and answers with what came back: a reactor.
//
// Strings are UTF-16 here and UTF-8 outside: `utf8` and `text` convert between them, at the border only.

// @ts-ignore: decorator
@external("hengio_v1", "log")
declare function host_log(level: i32, text: usize, len: i32): void;
// @ts-ignore: decorator
@external("hengio_v1", "get_context")
declare function get_context(key: usize, len: i32): u64;
// @ts-ignore: decorator
@external("hengio_v1", "set_context")
declare function set_context(key: usize, len: i32, value: usize, valueLen: i32): u64;
// @ts-ignore: decorator
@external("hengio_v1", "http_request")
declare function http_request(request: usize, len: i32): u64;
// @ts-ignore: decorator
@external("hengio_v1", "db_query")
declare function db_query(request: usize, len: i32): u64;
// @ts-ignore: decorator
@external("hengio_v1", "file_read")
declare function file_read(path: usize, len: i32): u64;
// @ts-ignore: decorator
@external("hengio_v1", "file_write")
declare function file_write(path: usize, len: i32, data: usize, dataLen: i32): u64;
// @ts-ignore: decorator
@external("hengio_v1", "take_result")
declare function take_result(into: usize, cap: i32): i32;

/** Where the JSON value that begins at `at` ends. What the host passes is well-formed. */
function skip(json: string, at: i32): i32 {
  let depth = 0;
  let quoted = false;
  for (; at < json.length; at++) {
    const char = json.charAt(at);
    if (quoted) {
      if (char == "\\") at++;
      else if (char == '"') quoted = false;
    } else if (char == '"') quoted = true;
    else if (depth == 0 && (char == "," || char == ":" || char == "}" || char == "]")) break;
    else if (char == "{" || char == "[") depth++;
    else if (char == "}" || char == "]") depth--;
  }
  return at;
}

/** The JSON of a member of an object; empty if it has none. */
function member(object: string, name: string): string {
  for (let at = 1; object.charAt(at) == '"'; ) {
    const colon = skip(object, at);
    const end = skip(object, colon + 1);
    if (object.substring(at + 1, colon - 1) == name) return object.substring(colon + 1, end);
    at = end + 1;
  }
  return "";
}

/** A text without its quotes. The calls under test have none with escapes. */
function bare(json: string): string {
  return json.substring(1, json.length - 1);
}

function call(step: string): u64 {
  const name = bare(member(step, "call"));
  const path = String.UTF8.encode(bare(member(step, "path")));
  const request = String.UTF8.encode(member(step, "request"));
  const value = String.UTF8.encode(member(step, "value"));
  const message = String.UTF8.encode(bare(member(step, "message")));
  const p = changetype<usize>(path);
  const r = changetype<usize>(request);
  const v = changetype<usize>(value);
  if (name == "get_context") return get_context(p, path.byteLength);
  if (name == "set_context") return set_context(p, path.byteLength, v, value.byteLength);
  if (name == "http_request") return http_request(r, request.byteLength);
  if (name == "db_query") return db_query(r, request.byteLength);
  if (name == "file_read") return file_read(p, path.byteLength);
  if (name == "file_write") return file_write(p, path.byteLength, v, value.byteLength);
  host_log(1, changetype<usize>(message), message.byteLength);
  return 0;
}

function taken(packed: u64): string {
  const length = <i32>packed;
  if (length == 0) return "null";
  const reply = new ArrayBuffer(length);
  take_result(changetype<usize>(reply), length);
  return String.UTF8.decode(reply);
}

export function hengio_alloc(size: i32): usize {
  return __pin(__new(size, idof<ArrayBuffer>()));
}

export function run(input: usize, length: i32): u64 {
  const json = String.UTF8.decodeUnsafe(input, length);
  const steps = member(member(json, "input"), "do");
  const told: string[] = [];
  for (let at = 1; steps.charAt(at) == "{"; ) {
    const end = skip(steps, at);
    const packed = call(steps.substring(at, end));
    told.push('{"status":' + (packed >> 32).toString() + ',"reply":' + taken(packed) + "}");
    at = end + 1;
  }
  const out = String.UTF8.encode("[" + told.join(",") + "]");
  __pin(changetype<usize>(out));
  return ((<u64>changetype<usize>(out)) << 32) | (<u64>out.byteLength);
}
