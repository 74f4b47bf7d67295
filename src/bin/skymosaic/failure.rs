//! How the command line fails: an exit code, what went wrong, and what to do.

use std::fmt;

use skymosaic::Error;

/// Why the command ends without having done what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    message: String,
    help: Option<String>,
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Failure {
        Failure { code: 1, message: message.into(), help: None }
    }

    /// The arguments do not make sense together.
    pub(crate) fn usage(message: impl Into<String>) -> Failure {
        Failure { code: 2, message: message.into(), help: Some("see skymosaic --help".to_owned()) }
    }

    /// Ctrl-C, or the system's wish that the program ends.
    pub(crate) fn interrupted() -> Failure {
        Failure { code: 130, message: "interrupted; nothing is left of the unfinished output".to_owned(), help: None }
    }

    /// Says what to do.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Failure {
        self.help = Some(help.into());
        self
    }

    /// Says what the failure is about.
    pub(crate) fn about(mut self, subject: impl fmt::Display) -> Failure {
        self.message = format!("{subject}: {}", self.message);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        match &self.help {
            Some(help) => write!(f, "\n  {help}"),
            None => Ok(()),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match help(&error) {
            _ if matches!(error, Error::Cancelled) => Failure::interrupted(),
            Some(help) => Failure::new(error.to_string()).help(help),
            None => Failure::new(error.to_string()),
        }
    }
}

/// What to do about a full disk.
pub(crate) const MORE_SPACE: &str =
    "free some space, or choose another disk with -o and --temp-dir, or a smaller target with --target";

/// What to do about an error, in terms of this command line.
fn help(error: &Error) -> Option<&'static str> {
    match error {
        Error::Input { cause, .. } | Error::Header { cause, .. } => help(cause),
        Error::Hdu { .. } => Some("choose an HDU with --hdu"),
        Error::Memory { .. } => {
            Some("raise --memory-limit, lower --threads, or use --intermediate mapped or --intermediate none")
        }
        Error::OutOfMemory { .. } => {
            Some("give a --memory-limit, lower --threads, or use --intermediate mapped or none")
        }
        Error::DiskFull { .. } => Some(MORE_SPACE),
        Error::Keyword { .. } | Error::Wcs { .. } => Some("correct the header, or leave that image out"),
        _ => None,
    }
}
