//! A network to look at: a simulated campus, a server that watches it, and two weeks of history.
//! Everything is in `demo` of cargo's target folder, and is kept from one demo to the next.

mod pictures;
mod promise;
mod stand;
mod test;

pub(crate) use pictures::take as take_pictures;
pub(crate) use stand::{Shape, Stand};
pub(crate) use test::walk;

use crate::programs::target_dir;
use crate::service::Interrupt;
use crate::{tally, web, workspace};
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// From look to look whether the demo is to end.
const LOOK: Duration = Duration::from_millis(200);

#[derive(Args)]
#[allow(clippy::struct_excessive_bools)] // Each is a flag of the command line.
pub(crate) struct Options {
    /// Throw away the data of the last demo first.
    #[arg(long)]
    fresh: bool,
    /// Do not open a browser.
    #[arg(long)]
    no_open: bool,
    /// Check what the demo promises, then stop: a test of the demo itself.
    #[arg(long)]
    exit_after_ready: bool,
    /// Instead: walk through a small one in a browser, unoptimised, as `cargo xtask test` does.
    #[arg(long, exclusive = true)]
    pub(crate) walk: bool,
    /// Devices of the network, where it is made anew.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(2..=1_000))]
    devices: u16,
    /// How much history is made, where it is made anew.
    #[arg(long, value_name = "TIME", default_value = "14d")]
    history: String,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let interrupt = Interrupt::listen()?;
    eprintln!("==> page");
    if let tally::Outcome::Skipped(why) = web::build()? {
        eprintln!("SKIPPED page: {why}; the server will show how to build it");
    }
    eprintln!("==> foretell");
    let program = workspace::build_foretell(true)?;
    let folder = target_dir().join("demo");
    if options.fresh && folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let shape = Shape {
        devices: options.devices,
        history: options.history.clone(),
        interval_secs: INTERVAL_SECS,
    };
    let stand = Stand::start(&program, &folder, &shape, &interrupt)?;
    say(&stand, &program, &folder, began.elapsed())?;
    if options.exit_after_ready {
        let kept = promise::check(&stand, &interrupt);
        let stopped = stand.stop();
        println!("{}", kept?);
        stopped?;
        return Ok(ExitCode::SUCCESS);
    }
    if !options.no_open {
        open(&stand.url());
    }
    println!("Control-C stops it.");
    let mut stand = stand;
    while !interrupt.came() {
        stand.is_running()?;
        std::thread::sleep(LOOK);
    }
    println!("\nstopping");
    stand.stop()?;
    Ok(ExitCode::SUCCESS)
}

/// How often the devices are polled: a demo should move.
const INTERVAL_SECS: u16 = 10;

/// What a person who started it needs to know.
fn say(stand: &Stand, program: &Path, folder: &Path, took: Duration) -> anyhow::Result<()> {
    let program = from_here(program);
    println!("\nForetell is at  {}", stand.url());
    println!("Sign in as      admin");
    println!("with            {}", stand.password());
    println!();
    println!("Break something, in another terminal:");
    println!("    {}", stand.fault(&program)?.0);
    println!("and mend it by");
    println!("    {}", stand.heal(&program)?);
    println!(
        "What else can break is told by {} simulate fault --help.",
        program.display()
    );
    println!();
    println!(
        "Data and logs are in {}; --fresh begins anew. Ready after {} s.",
        from_here(folder).display(),
        took.as_secs()
    );
    Ok(())
}

/// As short as it can be typed from the current folder.
fn from_here(path: &Path) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path).to_owned()
}

/// Opens the page where there is a screen to open it on. Where that fails, the address was told.
fn open(url: &str) {
    let screen = ["DISPLAY", "WAYLAND_DISPLAY"];
    if screen.iter().any(|name| std::env::var_os(name).is_some()) {
        let _ = Command::new("xdg-open").arg(url).status();
    }
}
