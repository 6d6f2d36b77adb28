//! The task `upgrade`: the story of `tests/upgrade`, with the binaries of an
//! earlier revision and those of this one.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::cargo::{binaries, cargo, say, step, workspace};
use crate::choice::ServerOptions;
use crate::keeper::Keeper;
use crate::test_run;

/// The revision to upgrade from when none is named.
const RECORDED: &str = "tests/upgrade/from";
/// The binaries that the story starts.
const PROGRAMS: [&str; 2] = ["gozon-orders", "gozon-payments"];

#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    servers: ServerOptions,
    /// The revision to upgrade from; else the one that tests/upgrade/from records
    #[arg(long, value_name = "REVISION")]
    from: Option<String>,
    /// Takes the new binaries as `test` or `coverage` has left them
    #[arg(long)]
    built: bool,
}

/// Whether the story came to its end.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let start = Instant::now();
    let mut servers = options.servers.choose()?;
    let mut keeper = Keeper::start(&servers)?;

    let revision = match &options.from {
        Some(revision) => revision.clone(),
        None => fs::read_to_string(workspace().join(RECORDED)).context(RECORDED)?,
    };
    let revision = commit(revision.trim())?;
    let target = test_run::target_folder()?;
    let folder = target.join("upgrade");
    let source = folder.join("source");
    let logs = folder.join("logs");
    if logs.exists() {
        fs::remove_dir_all(&logs)?;
    }
    fs::create_dir_all(&logs)?;
    unpack(&revision, &source)?;
    let old = build_old(&target, &folder, &source)?;
    say(&format!(
        "{} s until the old binaries were there",
        start.elapsed().as_secs()
    ));
    if !options.built && !step(selected(&mut cargo()).args(["--example", "upgrade"]))? {
        bail!("the build failed");
    }
    if let Some(keeper) = &mut keeper {
        keeper.wait(&mut servers)?;
    }
    say(&test_run::describe(&servers));

    say(&format!("upgrading from {revision}"));
    let mut story = Command::new(binaries()?.join("examples/upgrade"));
    story.env("GOZON_UPGRADE_FROM", old);
    // What `coverage` has left would write its counts beside the sources.
    story.env("LLVM_PROFILE_FILE", "/dev/null");
    // The words of every process that ends; the story's own are on the other output.
    let words = logs.join("upgrade.log");
    story.stderr(File::create(&words)?);
    let story = test_run::with_environment(&mut story, &servers, &logs)?;
    let passed = story.status().context("the story was not built")?.success();
    let seconds = start.elapsed().as_secs();
    if passed {
        say(&format!("upgraded, {seconds} s in all"));
    } else {
        // The error is the last that the story says, before what its processes
        // leave behind.
        let words = fs::read_to_string(&words)?;
        for line in words.lines().filter(|line| line.starts_with("Error:")) {
            say(line);
        }
        say(&format!(
            "UPGRADE FAILED, {seconds} s in all; logs: {}",
            logs.display()
        ));
    }
    Ok(passed)
}

/// The full id of a revision that is in this clone.
fn commit(revision: &str) -> Result<String> {
    let named = format!("{revision}^{{commit}}");
    let output = git(&["rev-parse", "--verify", "--quiet", &named]).output()?;
    ensure!(
        output.status.success(),
        "{revision} is not in this clone: `git fetch --unshallow` brings the history"
    );
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// The files of a revision, without a working tree that git would remember.
fn unpack(revision: &str, source: &Path) -> Result<()> {
    let stamp = source.with_extension("revision");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == revision) {
        return Ok(());
    }
    if source.exists() {
        fs::remove_dir_all(source)?;
    }
    fs::create_dir_all(source)?;
    let mut archive = git(&["archive", revision]).stdout(Stdio::piped()).spawn()?;
    let files = archive.stdout.take().context("git has no output")?;
    let mut tar = Command::new("tar");
    tar.arg("-x").arg("-C").arg(source).stdin(files);
    let unpacked = tar.status().context("cannot run tar")?.success();
    ensure!(
        archive.wait()?.success() && unpacked,
        "{revision} could not be unpacked"
    );
    fs::write(stamp, revision)?;
    Ok(())
}

/// Builds the old binaries in a folder of their own: cargo gives both
/// revisions' packages the same names. It begins with links to what this
/// revision's dependencies were compiled to, of which most are the same.
fn build_old(target: &Path, folder: &Path, source: &Path) -> Result<PathBuf> {
    let built = folder.join("target");
    if !built.exists() {
        link_dependencies(&target.join("debug"), &built.join("debug"))?;
    }
    let mut build = cargo();
    selected(build.current_dir(source))
        // Any example would do: with one cargo counts the features that tests ask
        // of the dependencies, too, as it did for the links.
        .args(["--example", "schema"])
        .arg("--locked")
        .arg("--target-dir")
        .arg(&built);
    ensure!(step(&mut build)?, "the old revision could not be built");
    let folder = built.join("debug");
    for program in PROGRAMS {
        ensure!(folder.join(program).exists(), "{program} was not built");
    }
    Ok(folder)
}

/// Features are those of the whole workspace, so that dependencies are the same
/// as in every build of ours; of its binaries only those that the story starts.
fn selected(command: &mut Command) -> &mut Command {
    command
        .args(["build", "--workspace", "--all-features"])
        .args(PROGRAMS.iter().flat_map(|name| ["--bin", name]))
}

fn link_dependencies(from: &Path, to: &Path) -> Result<()> {
    for part in ["deps", "build", ".fingerprint"] {
        let (from, to) = (from.join(part), to.join(part));
        if !from.exists() {
            continue;
        }
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // Of our own packages nothing, neither libraries nor tests.
            let library = name.contains('-') && !name.contains("gozon") && !name.contains("xtask");
            let linked = part != "deps"
                || [".rlib", ".rmeta", ".d", ".so"]
                    .iter()
                    .any(|end| name.ends_with(end));
            if library && linked {
                link(&entry.path(), &to.join(name))?;
            }
        }
    }
    Ok(())
}

/// The file, or the folder with everything in it.
fn link(from: &Path, to: &Path) -> Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            link(&entry.path(), &to.join(entry.file_name()))?;
        }
        return Ok(());
    }
    fs::create_dir_all(to.parent().context("no folder")?)?;
    fs::hard_link(from, to).with_context(|| to.display().to_string())
}

fn git(arguments: &[&str]) -> Command {
    let mut git = Command::new("git");
    git.arg("-C").arg(workspace()).args(arguments);
    git
}
