// JSON text in UTF-8 that grows at its end.

export class Writer {
  private buffer: ArrayBuffer;
  private used: i32 = 0;

  constructor(room: i32) {
    this.buffer = new ArrayBuffer(room);
  }

  get ptr(): usize {
    return changetype<usize>(this.buffer);
  }

  get length(): i32 {
    return this.used;
  }

  /** Appends bytes as they stand. */
  copy(from: usize, length: i32): Writer {
    this.reserve(length);
    memory.copy(this.ptr + this.used, from, length);
    this.used += length;
    return this;
  }

  /** Appends what is JSON already. */
  raw(json: string): Writer {
    const room = json.length * 3; // no UTF-16 unit needs more than three bytes
    this.reserve(room);
    this.used += String.UTF8.encodeUnsafe(changetype<usize>(json), json.length, this.ptr + this.used) as i32;
    return this;
  }

  /** Appends a text between quotes. */
  text(value: string): Writer {
    this.raw('"');
    let from = 0;
    for (let i = 0; i < value.length; i++) {
      const unit = value.charCodeAt(i);
      if (unit >= 0x20 && unit != 0x22 && unit != 0x5c) continue;
      this.raw(value.substring(from, i)).raw("\\u" + unit.toString(16).padStart(4, "0"));
      from = i + 1;
    }
    return this.raw(from == 0 ? value : value.substring(from)).raw('"');
  }

  /** Takes the last byte back, such as the brace of an object that is to get more members. */
  back(): Writer {
    this.used--;
    return this;
  }

  private reserve(more: i32): void {
    if (this.used + more <= this.buffer.byteLength) return;
    const larger = new ArrayBuffer(max(this.buffer.byteLength * 2, this.used + more));
    memory.copy(changetype<usize>(larger), this.ptr, this.used);
    this.buffer = larger;
  }
}
