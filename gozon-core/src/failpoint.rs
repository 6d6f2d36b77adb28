//! Named places in the code where a test can end the process, or make a step
//! fail, exactly there. Absent from release builds.
//!
//! A place is written `failpoint!("outbox.confirmed")`. A debug build that was
//! told `outbox.confirmed=abort` (see [`configure`]) dies there as `kill -9`
//! would: `abort` runs no destructor and flushes nothing.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// What happens when an armed place is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Abort,
    /// Passes this many times, then aborts.
    AbortAfter(u32),
}

static ARMED: Mutex<Option<HashMap<String, Action>>> = Mutex::new(None);

/// Arms places from a text such as `outbox.confirmed=abort,inbox.committed=abort@3`
/// (`@3`: pass three times, die at the fourth).
///
/// # Errors
/// Names the part that could not be read.
pub fn configure(spec: &str) -> Result<(), String> {
    let mut armed = HashMap::new();
    for part in spec.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        let wrong = || format!("`{part}` is not `name=abort` or `name=abort@count`");
        let (name, action) = part.split_once('=').ok_or_else(wrong)?;
        let action = match action.split_once('@') {
            None if action == "abort" => Action::Abort,
            Some(("abort", count)) => Action::AbortAfter(count.parse().map_err(|_| wrong())?),
            _ => return Err(wrong()),
        };
        armed.insert(name.to_owned(), action);
    }
    *ARMED.lock().unwrap_or_else(PoisonError::into_inner) = Some(armed);
    Ok(())
}

/// Called by [`crate::failpoint!`]; does nothing unless `name` is armed.
pub fn hit(name: &str) {
    let mut guard = ARMED.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(action) = guard.as_mut().and_then(|armed| armed.get_mut(name)) else {
        return;
    };
    match action {
        Action::AbortAfter(left) if *left > 0 => *left -= 1,
        Action::Abort | Action::AbortAfter(_) => {
            eprintln!("failpoint {name}: abort");
            std::process::abort();
        }
    }
}

/// Marks a place where a test can end the process. Compiles to nothing in
/// release builds.
#[macro_export]
macro_rules! failpoint {
    ($name:literal) => {
        #[cfg(debug_assertions)]
        $crate::failpoint::hit($name);
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_named() {
        assert!(configure("a=explode").unwrap_err().contains("a=explode"));
        assert!(configure("a").unwrap_err().contains('a'));
        assert!(configure("a=abort@x").is_err());
    }
}
