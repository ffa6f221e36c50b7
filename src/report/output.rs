//! Standard output: the result of a verb. A failed write is stored until the verb ends, because work on a cluster must
//! not stop halfway for it; a reader that closed the pipe (`| head`) is no error.

use std::io::{self, ErrorKind, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

static PRINTED: AtomicBool = AtomicBool::new(false);
static FAILED: Mutex<Option<io::Error>> = Mutex::new(None);

/// Writes text to standard output.
pub(crate) fn print(text: &str) {
    PRINTED.store(true, Ordering::Relaxed);
    let mut output = io::stdout().lock();
    remember(output.write_all(text.as_bytes()).and_then(|()| output.flush()));
}

/// Whether anything was written.
pub(crate) fn is_printed() -> bool {
    PRINTED.load(Ordering::Relaxed)
}

/// Takes note of the outcome of a write by another client.
pub(crate) fn remember(outcome: io::Result<()>) {
    if let Err(error) = outcome
        && error.kind() != ErrorKind::BrokenPipe
    {
        FAILED.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }
}

/// The first write that failed since the last question.
pub(crate) fn failure() -> Option<io::Error> {
    FAILED.lock().unwrap_or_else(PoisonError::into_inner).take()
}
