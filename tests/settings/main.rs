//! Wrong settings stop the start: exit code 2 and one line that names the
//! variable and the mend, and shows no secret.

mod help;
mod secrets;
mod starting;
mod stored;
mod wrong;
