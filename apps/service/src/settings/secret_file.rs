//! Secrets from files, as Docker and Kubernetes mount them: beside each secret
//! variable stands one with `_FILE` at its end, which names a file.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};

use clap::Arg;

use super::SettingsError;

/// Longer than any URL with a certificate in it; a wrong path may be endless.
const LONGEST: u64 = 64 * 1024;

/// The variable that may name a file with the value of this setting, and what
/// it means; only a secret has one.
pub fn file_variable(arg: &Arg) -> Option<(String, String)> {
    let variable = arg.get_env().filter(|_| arg.is_hide_env_values_set())?;
    let variable = variable.to_string_lossy();
    let meaning = format!(
        "A file that holds {variable}, instead of {variable} itself: what stands in the \
         environment is seen by whoever may inspect the container"
    );
    Some((named(&variable), meaning))
}

/// The secret `variable`, from the environment or from the file that it names,
/// with the variable that it came from.
pub(super) fn read(
    variable: &str,
    env: &HashMap<String, String>,
) -> Result<Option<(String, String)>, SettingsError> {
    let from_file = named(variable);
    let Some(path) = env.get(&from_file) else {
        let value = env.get(variable).cloned();
        return Ok(value.map(|value| (variable.to_owned(), value)));
    };
    let wrong = |reason: String| Err(SettingsError::new(&from_file, reason));
    if env.contains_key(variable) {
        return wrong(format!("{variable} is set, too; keep one of the two"));
    }
    match content(path) {
        Ok(value) if value.is_empty() => wrong(format!(
            "{path} is empty; write the value of {variable} into it"
        )),
        Ok(value) => Ok(Some((from_file, value))),
        Err(error) => wrong(format!(
            "cannot read {path}: {error}; name a file that holds the value of {variable}"
        )),
    }
}

fn named(variable: &str) -> String {
    format!("{variable}_FILE")
}

/// Without the line's end, which editors and `echo` write.
fn content(path: &str) -> io::Result<String> {
    let mut text = String::new();
    let read = File::open(path)?
        .take(LONGEST + 1)
        .read_to_string(&mut text)?;
    if u64::try_from(read).is_ok_and(|read| read > LONGEST) {
        let limit = format!("it is longer than {LONGEST} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, limit));
    }
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_secret_comes_from_one_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let good = file("good", b"hunter2\n");
        let windows = file("windows", b"hunter2\r\n");
        let bare = file("bare", b"hunter2");
        let empty = file("empty", b"\n");
        let binary = file("binary", b"\xff\xfe");
        let long = file("long", &vec![b'a'; 65_537]);
        let folder_itself = folder.path().to_str().unwrap();
        let missing = folder.path().join("missing");
        let missing = missing.to_str().unwrap();

        for (plain, path, expected) in [
            (None, None, Ok(None)),
            (Some("hunter2"), None, Ok(Some("KEY"))),
            (None, Some(&*good), Ok(Some("KEY_FILE"))),
            (None, Some(&windows), Ok(Some("KEY_FILE"))),
            (None, Some(&bare), Ok(Some("KEY_FILE"))),
            (
                Some("hunter2"),
                Some(&good),
                Err("KEY is set, too; keep one of the two"),
            ),
            (
                None,
                Some(&empty),
                Err("is empty; write the value of KEY into it"),
            ),
            (None, Some(missing), Err("No such file")),
            (None, Some(folder_itself), Err("Is a directory")),
            (None, Some(&binary), Err("valid UTF-8")),
            (None, Some(&long), Err("longer than 65536 bytes")),
        ] {
            let pairs = [("KEY", plain), ("KEY_FILE", path)];
            let env = pairs
                .iter()
                .filter_map(|(name, value)| Some(((*name).to_owned(), value.as_ref()?.to_string())))
                .collect();

            let read = read("KEY", &env);

            match (read, expected) {
                (Ok(read), Ok(from)) => {
                    let from = from.map(|from| (from.to_owned(), "hunter2".to_owned()));
                    assert_eq!(read, from);
                }
                (Err(error), Err(reason)) => {
                    let line = error.to_string();
                    assert!(line.starts_with("KEY_FILE: "), "{line}");
                    assert!(line.contains(reason), "{line}");
                    assert!(!line.contains("hunter2"), "{line}");
                }
                (read, expected) => panic!("{path:?}: {read:?} instead of {expected:?}"),
            }
        }
    }
}
