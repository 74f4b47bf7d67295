//! The command line `skymosaic`: images in, a mosaic out.

mod args;
mod demo;
mod failure;
mod further;
mod header;
mod interrupt;
mod kernel;
mod mosaic;
mod outputs;
mod plan;
mod report;

use std::{io::Write, process::ExitCode};

use clap::Parser;

use args::{Cli, Command};
use failure::Failure;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = interrupt::listen().and_then(|()| match &cli.command {
        Command::Mosaic(args) => mosaic::run(args),
        Command::Header(args) => header::run(args),
        Command::Demo(args) => demo::run(args),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            tell(&failure.to_string());
            ExitCode::from(failure.code)
        }
    }
}

/// A line on stderr. If nobody can read it, nobody can be told so.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "skymosaic: {line}");
}

/// Text on stdout. A reader that has gone away (`| head`) has seen what it wanted.
fn say(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("cannot write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}
