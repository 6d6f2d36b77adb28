//! What Linux says about a process.

use std::fs;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result};

/// The unit of `/proc/<pid>/stat` is 1/100 s on every Linux (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// The shop's processes, by the names that the table shows.
#[derive(Debug, Clone)]
pub(crate) struct Processes(Vec<(String, u32)>);

impl Processes {
    /// Resident memory, now and at most.
    pub(crate) fn memory(&self) -> Result<Vec<(String, String)>> {
        self.each(|pid| {
            let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
            let now = megabytes(&status, "VmRSS:")?;
            let peak = megabytes(&status, "VmHWM:")?;
            Ok(format!("{now} MB, at most {peak} MB"))
        })
    }

    /// CPU used since the start.
    pub(crate) fn cpu(&self) -> Result<Vec<(String, Duration)>> {
        self.each(|pid| cpu(&pid.to_string()))
    }

    fn each<T>(&self, read: impl Fn(u32) -> Result<T>) -> Result<Vec<(String, T)>> {
        let read = |(name, pid): &(String, u32)| {
            let value = read(*pid).with_context(|| format!("process {pid} ({name})"))?;
            Ok((name.clone(), value))
        };
        self.0.iter().map(read).collect()
    }
}

impl FromStr for Processes {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let named = |item: &str| {
            let (name, pid) = item.split_once('=').context("expected NAME=PID")?;
            Ok((name.to_owned(), pid.parse()?))
        };
        let items = text.split(',').filter(|item| !item.is_empty());
        items.map(named).collect::<Result<_>>().map(Self)
    }
}

/// CPU that this process used since its start.
pub(crate) fn own_cpu() -> Result<Duration> {
    cpu("self")
}

fn cpu(pid: &str) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is the name in parentheses, which may contain anything.
    let (_, fields) = stat.rsplit_once(')').context("no name")?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut next = || -> Result<u32> { Ok(fields.next().context("no CPU time")?.parse()?) };
    Ok(TICK * (next()? + next()?))
}

/// Linux says kB and means KiB; the table says MB and means 1,000,000 bytes.
fn megabytes(status: &str, field: &str) -> Result<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kibibytes = line.context("no memory")?.trim().trim_end_matches(" kB");
    Ok((kibibytes.parse::<u64>()? * 1024).div_ceil(1_000_000))
}
