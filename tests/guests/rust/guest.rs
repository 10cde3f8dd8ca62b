// Makes the host calls that its input lists and answers with what came back: a reactor, or with --cfg command a command.
// A command reads and writes files as any Rust program, too.

mod host {
    #[link(wasm_import_module = "hengio_v1")]
    extern "C" {
        pub fn log(level: i32, text: *const u8, len: usize);
        pub fn get_context(key: *const u8, len: usize) -> u64;
        pub fn set_context(key: *const u8, len: usize, value: *const u8, value_len: usize) -> u64;
        pub fn http_request(request: *const u8, len: usize) -> u64;
        pub fn db_query(request: *const u8, len: usize) -> u64;
        pub fn file_read(path: *const u8, len: usize) -> u64;
        pub fn file_write(path: *const u8, len: usize, data: *const u8, data_len: usize) -> u64;
        pub fn take_result(into: *mut u8, cap: usize) -> i32;
    }
}

/// The length of the JSON value that `json` begins with. What the host passes is well-formed.
fn value(json: &str) -> usize {
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    for (at, byte) in json.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b',' | b']' | b'}' if depth == 0 => return at,
            b':' if depth == 0 => return at,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
    }
    json.len()
}

/// The JSON of a member of an object; empty if it has none.
fn member<'a>(object: &'a str, name: &str) -> &'a str {
    let mut rest = object.get(1..).unwrap_or("");
    while rest.starts_with('"') {
        let (key, more) = rest.split_at(value(rest));
        let found = &more[1..][..value(&more[1..])];
        if key.trim_matches('"') == name {
            return found;
        }
        rest = &more[1 + found.len()..][1..];
    }
    ""
}

/// A text without its quotes. The calls under test have none with escapes.
fn bare(json: &str) -> &str {
    json.trim_matches('"')
}

fn call(step: &str) -> u64 {
    let path = bare(member(step, "path"));
    let request = member(step, "request");
    let data = member(step, "value");
    let message = bare(member(step, "message"));
    // Safe: each pointer goes with the length of what it points to, and the host keeps none of them.
    unsafe {
        match bare(member(step, "call")) {
            "get_context" => host::get_context(path.as_ptr(), path.len()),
            "set_context" => host::set_context(path.as_ptr(), path.len(), data.as_ptr(), data.len()),
            "http_request" => host::http_request(request.as_ptr(), request.len()),
            "db_query" => host::db_query(request.as_ptr(), request.len()),
            "file_read" => host::file_read(path.as_ptr(), path.len()),
            "file_write" => host::file_write(path.as_ptr(), path.len(), data.as_ptr(), data.len()),
            _ => {
                host::log(1, message.as_ptr(), message.len());
                0
            }
        }
    }
}

fn taken(packed: u64) -> String {
    let mut reply = vec![0; packed as u32 as usize];
    if reply.is_empty() {
        return "null".to_string();
    }
    // Safe: the buffer is as long as the host is told.
    unsafe { host::take_result(reply.as_mut_ptr(), reply.len()) };
    String::from_utf8(reply).expect("replies under test are text")
}

/// What a plain function on files replies; `None` if the step is none of these.
#[cfg(command)]
fn plain(step: &str) -> Option<std::io::Result<String>> {
    use std::fs;
    let path = bare(member(step, "path"));
    let listed = |folder: fs::ReadDir| -> std::io::Result<String> {
        let mut names = Vec::new();
        for each in folder {
            names.push(format!("{:?}", each?.file_name().into_string().expect("names under test are UTF-8")));
        }
        Ok(format!("[{}]", names.join(",")))
    };
    Some(match bare(member(step, "call")) {
        "read_file" => fs::read_to_string(path),
        "write_file" => fs::write(path, member(step, "value")).map(|()| "null".to_string()),
        "list_folder" => fs::read_dir(path).and_then(listed),
        _ => return None,
    })
}

#[cfg(not(command))]
fn plain(_step: &str) -> Option<std::io::Result<String>> {
    None
}

fn answer(input: &str) -> String {
    let mut told = Vec::new();
    let mut rest = &member(member(input, "input"), "do")[1..];
    while rest.starts_with('{') {
        let step = &rest[..value(rest)];
        told.push(match plain(step) {
            Some(Ok(reply)) => format!("{{\"status\":0,\"reply\":{reply}}}"),
            Some(Err(_)) => "{\"status\":1,\"reply\":null}".to_string(),
            None => {
                let packed = call(step);
                format!("{{\"status\":{},\"reply\":{}}}", packed >> 32, taken(packed))
            }
        });
        rest = &rest[step.len() + 1..];
    }
    format!("[{}]", told.join(","))
}

#[cfg(command)]
fn main() {
    let mut input = String::new();
    std::io::Read::read_to_string(&mut std::io::stdin(), &mut input).expect("the input is UTF-8");
    println!("{}", answer(&input));
}

#[cfg(not(command))]
mod reactor {
    #[no_mangle]
    pub extern "C" fn hengio_alloc(size: usize) -> *mut u8 {
        Box::leak(vec![0; size].into_boxed_slice()).as_mut_ptr()
    }

    /// # Safety
    /// The host passes what it wrote into memory that `hengio_alloc` gave it.
    #[no_mangle]
    pub unsafe extern "C" fn run(input: *const u8, len: usize) -> u64 {
        let input = std::str::from_utf8(std::slice::from_raw_parts(input, len)).expect("the input is UTF-8");
        let out = Box::leak(super::answer(input).into_boxed_str());
        (out.as_ptr() as u64) << 32 | out.len() as u64
    }
}
