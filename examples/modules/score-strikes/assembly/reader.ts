// A cursor over JSON text in UTF-8. It decodes only what is asked for: the rest is skipped, or copied as it stands.
//
// AssemblyScript has no exceptions, so the first error is kept in `error` and ends every loop over the text.

export class Reader {
  /** What is wrong with the text, or null. */
  error: string | null = null;

  /** `at` is the address of the next byte, `end` the one behind the last. */
  constructor(public at: usize, private end: usize, private start: usize = at) {}

  fail(message: string): void {
    if (this.error == null) this.error = message + " at byte " + (this.at - this.start).toString();
    this.at = this.end;
  }

  /** The next byte that is not white space, without taking it; 0 at the end. */
  peek(): u8 {
    while (this.at < this.end) {
      const byte = load<u8>(this.at);
      if (byte > 0x20) return byte;
      this.at++;
    }
    return 0;
  }

  /** Takes that character, or fails. */
  take(expected: u8): void {
    if (this.peek() == expected) this.at++;
    else this.fail("expected " + String.fromCharCode(expected));
  }

  /** Opens an object (`{`) or a list (`[`): whether it has a first member. */
  open(bracket: u8): bool {
    this.take(bracket);
    return !this.closes(bracket);
  }

  /** After a member: whether another follows. */
  more(bracket: u8): bool {
    if (this.closes(bracket)) return false;
    this.take(0x2c); // ,
    return this.error == null;
  }

  private closes(bracket: u8): bool {
    if (this.error != null) return true;
    if (this.peek() != bracket + 2) return false; // in ASCII, ] is [ + 2 and } is { + 2
    this.at++;
    return true;
  }

  /** The name of the next member of an object, up to behind its colon. */
  key(): string {
    const name = this.text();
    this.take(0x3a); // :
    return name;
  }

  /** A text; null and other values read as "". */
  text(): string {
    if (this.peek() != 0x22) {
      this.skip();
      return "";
    }
    const from = this.at + 1;
    if (!this.skipText()) return decode(from, this.at - 1);
    return unescape(decode(from, this.at - 1));
  }

  /** A number; null and other values read as `otherwise`. */
  number(otherwise: f64): f64 {
    const first = this.peek();
    const from = this.at;
    this.skip();
    if (first != 0x2d && (first < 0x30 || first > 0x39)) return otherwise;
    return F64.parseFloat(decode(from, this.at));
  }

  /** Passes over one value of any kind. */
  skip(): void {
    const first = this.peek();
    if (first == 0x22) {
      this.skipText();
    } else if (first == 0x7b) {
      for (let more = this.open(0x7b); more; more = this.more(0x7b)) {
        this.skipText();
        this.take(0x3a);
        this.skip();
      }
    } else if (first == 0x5b) {
      for (let more = this.open(0x5b); more; more = this.more(0x5b)) this.skip();
    } else {
      this.skipWord();
    }
  }

  /** A number, `true`, `false` or `null`. */
  private skipWord(): void {
    const from = this.at;
    while (this.at < this.end && isWord(load<u8>(this.at))) this.at++;
    if (this.at == from) this.fail("expected a value");
  }

  /** Passes over a text: whether it holds escapes. */
  private skipText(): bool {
    this.take(0x22);
    let escapes = false;
    while (this.at < this.end) {
      const byte = load<u8>(this.at++);
      if (byte == 0x22) return escapes;
      if (byte == 0x5c) {
        escapes = true;
        this.at++;
      }
    }
    this.fail("a text does not end");
    return escapes;
  }
}

// @ts-ignore: decorator
@inline
function isWord(byte: u8): bool {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x7a) || byte == 0x2d || byte == 0x2b || byte == 0x2e || byte == 0x45;
}

function decode(from: usize, to: usize): string {
  return to > from ? String.UTF8.decodeUnsafe(from, to - from) : "";
}

function unescape(text: string): string {
  let plain = "";
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) != 0x5c) {
      plain += text.charAt(i);
      continue;
    }
    const letter = text.charAt(++i);
    if (letter == "u") {
      plain += String.fromCharCode(I32.parseInt(text.substr(i + 1, 4), 16));
      i += 4;
    } else if (letter == "n") plain += "\n";
    else if (letter == "t") plain += "\t";
    else if (letter == "r") plain += "\r";
    else if (letter == "b") plain += "\b";
    else if (letter == "f") plain += "\f";
    else plain += letter;
  }
  return plain;
}
