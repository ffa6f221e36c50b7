//! The terminal for lines that are redrawn: standard error, a few columns narrower than it is.
//!
//! A terminal echoes Ctrl-C as `^C` after the last line. On a line that fills the terminal, the echo would start a new
//! line, and all later output would be off by one line.

use indicatif::TermLike;
use std::io::{self, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Columns that stay free: two Ctrl-C.
const FREE: u16 = 4;

/// Standard error as a screen. What is drawn is written at once, so that no other output comes between.
#[derive(Debug, Default)]
pub(super) struct Screen {
    drawn: Mutex<Vec<u8>>,
}

impl Screen {
    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn code(&self, count: usize, letter: char) -> io::Result<()> {
        if count == 0 { Ok(()) } else { write!(self.lock(), "\x1b[{count}{letter}") }
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        size().0.saturating_sub(FREE).max(1)
    }

    fn height(&self) -> u16 {
        size().1
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.code(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.code(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.code(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.code(n, 'D')
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        writeln!(self.lock(), "{s}")
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        write!(self.lock(), "{s}")
    }

    fn clear_line(&self) -> io::Result<()> {
        write!(self.lock(), "\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        let drawn = std::mem::take(&mut *self.lock());
        io::stderr().write_all(&drawn)
    }
}

#[cfg(unix)]
fn size() -> (u16, u16) {
    rustix::termios::tcgetwinsize(io::stderr()).map_or((80, 24), |size| (size.ws_col.max(1), size.ws_row.max(1)))
}

#[cfg(not(unix))]
fn size() -> (u16, u16) {
    (80, 24)
}
