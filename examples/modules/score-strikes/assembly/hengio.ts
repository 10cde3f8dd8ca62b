// The Hengio guest interface, version 1 (sdk/abi/README.md), as far as this module needs it.
//
// Everything crosses the border as UTF-8 JSON in this module's own memory. AssemblyScript's own strings are UTF-16:
// they are converted here, and nowhere else. The host never calls back into the module: a reply waits outside until
// it is fetched.

// @ts-ignore: decorator
@external("hengio_v1", "log")
declare function host_log(level: i32, ptr: usize, len: i32): void;
// @ts-ignore: decorator
@external("hengio_v1", "get_context")
declare function host_get_context(key: usize, keyLen: i32): u64;
// @ts-ignore: decorator
@external("hengio_v1", "take_result")
declare function host_take_result(ptr: usize, cap: i32): i32;

export enum Level {
  Info = 1,
  Warn = 2,
  Error = 3,
}

/** Room for the host to write the input to. Nothing is ever freed: an instance serves one call. */
export function hengio_alloc(size: i32): usize {
  return changetype<usize>(new ArrayBuffer(size));
}

/** Hands bytes to the host, as `(ptr << 32) | len`. */
export function give(ptr: usize, len: i32): u64 {
  return ((ptr as u64) << 32) | (len as u64);
}

/** Writes a line to the execution's log. */
export function log(level: Level, message: string): void {
  const bytes = String.UTF8.encode(message);
  host_log(level, changetype<usize>(bytes), bytes.byteLength);
}

/** The JSON of the value at a dotted path of the execution's context, such as `variables.region`; null if there is none. */
export function getContext(path: string): ArrayBuffer | null {
  const key = String.UTF8.encode(path);
  const reply = host_get_context(changetype<usize>(key), key.byteLength);
  const value = new ArrayBuffer(reply as i32);
  if (value.byteLength > 0) host_take_result(changetype<usize>(value), value.byteLength);
  const status = (reply >> 32) as u32;
  return status == 0 ? value : null;
}
