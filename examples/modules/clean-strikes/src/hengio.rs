//! The Hengio guest interface, version 1 (`sdk/abi/README.md`), as far as this module needs it.
//!
//! Everything crosses the border as UTF-8 JSON in this module's own memory. The host never calls back into the module:
//! a reply waits outside until [`take`] fetches it.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// How serious a log line is.
#[derive(Clone, Copy)]
#[repr(i32)]
pub enum Level {
    Info = 1,
    Warn = 2,
    Error = 3,
}

/// Why an entry has no output.
#[derive(Debug, PartialEq)]
pub enum Failure {
    /// The module cannot do its work: bad input, or a host call that was refused.
    Error(Error),
    /// The data is not acceptable; the step fails with these errors and is not tried again.
    Invalid(Vec<Error>),
}

/// A stable code, and words for people.
#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct Error {
    pub code: String,
    pub message: String,
}

impl Error {
    pub fn new(code: &str, message: impl ToString) -> Self {
        Error { code: code.to_owned(), message: message.to_string() }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Error(error)
    }
}

/// What an entry returns.
pub type Answer<T> = Result<T, Failure>;

/// The bytes of an answer: the explicit envelope, in which nothing in `output` is ever taken for an instruction.
pub fn envelope<T: Serialize>(answer: Answer<T>) -> Vec<u8> {
    #[derive(Serialize)]
    struct Envelope<T> {
        hengio: u32,
        #[serde(flatten)]
        said: Said<T>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "lowercase")]
    enum Said<T> {
        Output(T),
        Errors(Vec<Error>),
        Error(Error),
    }
    let said = match answer {
        Ok(output) => Said::Output(output),
        Err(Failure::Invalid(errors)) => Said::Errors(errors),
        Err(Failure::Error(error)) => Said::Error(error),
    };
    serde_json::to_vec(&Envelope { hengio: 1, said }).expect("an answer is plain data, which JSON can always hold")
}

/// Reads the input of a call. What is not of that shape is the failure `bad_input`, with the place in the text.
pub fn read<'a, T: Deserialize<'a>>(input: &'a [u8]) -> Result<T, Error> {
    serde_json::from_slice(input).map_err(|error| Error::new("bad_input", error))
}

/// Exports the entry `$name` that a job step calls: reads a `$call`, hands it to `$work`, a `fn(&Call) -> Answer<T>`,
/// and writes what that answers.
#[macro_export]
macro_rules! entry {
    ($name:ident, $call:ty, $work:path) => {
        /// # Safety
        /// `ptr` and `len` are those of a buffer that came from `hengio_alloc`.
        #[no_mangle]
        pub unsafe extern "C" fn $name(ptr: *mut u8, len: usize) -> u64 {
            $crate::hengio::report_panics();
            let input = Box::from_raw(std::ptr::slice_from_raw_parts_mut(ptr, len));
            $crate::hengio::give(match $crate::hengio::read::<$call>(&input) {
                Ok(call) => $crate::hengio::envelope($work(&call)),
                Err(failure) => $crate::hengio::envelope::<()>(Err(failure.into())),
            })
        }
    };
}

/// Room of exactly `size` bytes for the host to write to; an entry takes it back as a `Box<[u8]>`.
#[no_mangle]
pub extern "C" fn hengio_alloc(size: usize) -> *mut u8 {
    Box::into_raw(vec![0u8; size].into_boxed_slice()) as *mut u8
}

/// Hands bytes to the host as `(ptr << 32) | len`. They are left behind: an instance serves one call.
pub fn give(bytes: Vec<u8>) -> u64 {
    let bytes = Box::leak(bytes.into_boxed_slice());
    (bytes.as_ptr() as u64) << 32 | bytes.len() as u64
}

/// Sends the message of a panic to the log before the trap that ends the call.
pub fn report_panics() {
    std::panic::set_hook(Box::new(|panic| log(Level::Error, &panic.to_string())));
}

/// Writes a line to the execution's log.
pub fn log(level: Level, message: &str) {
    unsafe { host::log(level as i32, message.as_ptr(), message.len()) }
}

/// Writes a structured line: `fields`, a struct or a map, are kept apart, so that they can be searched for.
pub fn log_fields(level: Level, message: &str, fields: &impl Serialize) {
    #[derive(Serialize)]
    struct Line<'a, F> {
        message: &'a str,
        #[serde(flatten)]
        fields: &'a F,
    }
    log(level, &serde_json::to_string(&Line { message, fields }).unwrap_or_else(|_| message.to_owned()));
}

/// The value at a dotted path of the execution's context, such as `variables.region`; `None` if nothing is there.
pub fn get_context<T: DeserializeOwned>(path: &str) -> Result<Option<T>, Error> {
    const NOT_FOUND: u32 = 1;
    match take(unsafe { host::get_context(path.as_ptr(), path.len()) }) {
        (0, value) => serde_json::from_slice(&value).map(Some).map_err(|error| Error::new("bad_context", error)),
        (NOT_FOUND, _) => Ok(None),
        (_, refusal) => Err(refused(&refusal)),
    }
}

/// Sets `variables.<key>` for the steps that follow; it is kept only if this step succeeds.
pub fn set_context<T: Serialize>(key: &str, value: &T) -> Result<(), Error> {
    let value = serde_json::to_vec(value).map_err(|error| Error::new("bad_value", error))?;
    match take(unsafe { host::set_context(key.as_ptr(), key.len(), value.as_ptr(), value.len()) }) {
        (0, _) => Ok(()),
        (_, refusal) => Err(refused(&refusal)),
    }
}

/// The status of a host call, and its reply fetched into a buffer of this module.
fn take(reply: u64) -> (u32, Vec<u8>) {
    let mut buffer = vec![0u8; reply as u32 as usize];
    if !buffer.is_empty() {
        unsafe { host::take_result(buffer.as_mut_ptr(), buffer.len()) };
    }
    ((reply >> 32) as u32, buffer)
}

fn refused(reply: &[u8]) -> Error {
    serde_json::from_slice(reply).unwrap_or_default()
}

#[cfg(target_arch = "wasm32")]
mod host {
    #[link(wasm_import_module = "hengio_v1")]
    extern "C" {
        pub fn log(level: i32, ptr: *const u8, len: usize);
        pub fn get_context(key: *const u8, key_len: usize) -> u64;
        pub fn set_context(key: *const u8, key_len: usize, value: *const u8, value_len: usize) -> u64;
        pub fn take_result(ptr: *mut u8, cap: usize) -> i32;
    }
}

/// Tests on the developer's own machine have no host: lines go to stderr, the context is empty, writes are accepted.
#[cfg(not(target_arch = "wasm32"))]
mod host {
    pub unsafe fn log(_level: i32, ptr: *const u8, len: usize) {
        eprintln!("{}", String::from_utf8_lossy(std::slice::from_raw_parts(ptr, len)));
    }
    pub unsafe fn get_context(_key: *const u8, _key_len: usize) -> u64 {
        1 << 32 // not_found
    }
    pub unsafe fn set_context(_key: *const u8, _key_len: usize, _value: *const u8, _value_len: usize) -> u64 {
        0
    }
    pub unsafe fn take_result(_ptr: *mut u8, _cap: usize) -> i32 {
        -1
    }
}
