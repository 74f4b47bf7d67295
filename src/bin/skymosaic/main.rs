//! The command line `skymosaic`: images in, a mosaic out.

mod args;
mod demo;
mod failure;
mod planes;
mod header;
mod hips;
mod inputs;
mod interrupt;
mod kernel;
mod maps;
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
        Command::Hips(args) => hips::run(args),
        Command::Demo(args) => demo::run(args),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            warn(&failure.to_string());
            ExitCode::from(failure.code)
        }
    }
}

/// Writes a line to stderr. There is no place to report that it cannot be written.
fn warn(line: &str) {
    let _ = writeln!(std::io::stderr(), "skymosaic: {line}");
}

/// Writes text to stdout. A reader that closes the pipe (`| head`) is no error.
fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("cannot write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}
