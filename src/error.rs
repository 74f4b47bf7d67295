//! The one error type. Every variant names what it is about, what was found and what was expected.
//!
//! A variant with a cause has the text of its cause in its message and is therefore not its `source()`: who prints a chain of errors would print
//! the cause twice.

use std::path::PathBuf;

/// The error of all functions of this crate. The message names the input, file, HDU or header card that the error is about, what was found,
/// what was expected and, where it is not obvious, what to do.
///
/// The message of an error includes the message of its cause, so that it is complete by itself.
/// [`source`](std::error::Error::source) is therefore `None` for every variant; the causes are the fields `cause`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be opened, read, mapped or written.
    #[error("{}: cannot {action}: {cause}", path.display())]
    #[non_exhaustive]
    Io {
        /// The file.
        path: PathBuf,
        /// What was being done, as a verb phrase ("open", "write 2880 bytes at offset 0").
        action: String,
        /// The error of the operating system.
        cause: std::io::Error,
    },
    /// A file is not FITS, is truncated, or its structure contradicts itself.
    #[error("{}: {problem}", path.display())]
    #[non_exhaustive]
    Fits {
        /// The file.
        path: PathBuf,
        /// HDU and problem in words.
        problem: String,
    },
    /// The HDU asked for does not exist or holds no image.
    #[error("{}: HDU {hdu}: {problem}", path.display())]
    #[non_exhaustive]
    Hdu {
        /// The file.
        path: PathBuf,
        /// The HDU as it was asked for: a number (0 is the primary) or a name.
        hdu: String,
        /// What is wrong with it and which ones would do.
        problem: String,
    },
    /// A header is not text in the form of FITS cards.
    #[error("header card {line}: {problem}: {card:?}")]
    #[non_exhaustive]
    Card {
        /// Number of the card, from 1.
        line: usize,
        /// The card as it stands.
        card: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A header keyword that does not belong to the WCS, such as `FLXSCALE` or `BSCALE`, is missing or has a value that cannot be used.
    #[error("{keyword} = {value}: {problem}")]
    #[non_exhaustive]
    Keyword {
        /// The keyword.
        keyword: String,
        /// Its value as in the header, or "(missing)".
        value: String,
        /// What was expected.
        problem: String,
    },
    /// A keyword of the WCS is missing, malformed, contradictory or not supported.
    #[error("{keyword} = {value}: {problem}")]
    #[non_exhaustive]
    Wcs {
        /// The keyword.
        keyword: String,
        /// Its value as in the header, or "(missing)".
        value: String,
        /// What was expected.
        problem: String,
    },
    /// An error about the header of an HDU.
    #[error("{} HDU {hdu}: {cause}", path.display())]
    #[non_exhaustive]
    Header {
        /// The file.
        path: PathBuf,
        /// Number of the HDU; 0 is the primary.
        hdu: usize,
        /// What is wrong with it.
        cause: Box<Error>,
    },
    /// An error about one of the inputs.
    #[error("input {index} ({name}): {cause}")]
    #[non_exhaustive]
    Input {
        /// Position in the list of inputs, from 0.
        index: usize,
        /// File and HDU, or "array".
        name: String,
        /// What is wrong with it.
        cause: Box<Error>,
    },
    /// Shapes that must agree do not.
    #[error("{what} has shape {got:?}, expected {expected}")]
    #[non_exhaustive]
    Shape {
        /// What has the shape: "footprint", "weights", ….
        what: String,
        /// Its shape, slowest axis first.
        got: Vec<usize>,
        /// What it should be.
        expected: String,
    },
    /// An option has a value that makes no sense, alone or with the inputs.
    #[error("option {option} = {got}: expected {expected}")]
    #[non_exhaustive]
    Option {
        /// The option's name in [`Options`](crate::Options).
        option: &'static str,
        /// The value given.
        got: String,
        /// The values allowed.
        expected: String,
    },
    /// The list of inputs is empty.
    #[error("no inputs were given: expected at least one image")]
    NoInputs,
    /// The inputs cover so much sky at such a resolution that the mosaic cannot be meant.
    #[error("{what} would be {nx} × {ny} pixels ({problem}); {cause}")]
    #[non_exhaustive]
    TooLarge {
        /// What would be so large: "the target" or a buffer.
        what: &'static str,
        /// Columns.
        nx: u64,
        /// Rows.
        ny: u64,
        /// The limit that is passed.
        problem: String,
        /// The input that causes it and what to do.
        cause: String,
        /// Position of that input in the list of inputs, from 0.
        input: usize,
    },
    /// The work cannot be done within `memory_limit`.
    #[error("memory_limit is {limit} bytes but {what} needs {needed} bytes; raise the limit or {remedy}")]
    #[non_exhaustive]
    Memory {
        /// What needs the memory.
        what: String,
        /// Bytes needed.
        needed: u64,
        /// Bytes allowed.
        limit: u64,
        /// What else would help.
        remedy: String,
    },
    /// The system does not provide the memory that is needed.
    #[error("{what} needs {needed} bytes of memory, which the system does not provide; {remedy}")]
    OutOfMemory {
        /// What needs the memory.
        what: String,
        /// Bytes needed.
        needed: u64,
        /// What would help.
        remedy: String,
    },
    /// A file is not a `.npy` file, is truncated, or holds something else than was asked for.
    #[error("{}: {problem}", path.display())]
    Npy {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A file cannot be mapped because a [`MappedArray`](crate::MappedArray), of this process or another, has it open.
    #[error("{} is in use: {problem}", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
        /// By whom it is used, and what to do.
        problem: String,
    },
    /// There is not enough free disk space for temporary files or the output.
    #[error("{}: {needed} bytes of disk are needed for {what} but {free} are free", dir.display())]
    #[non_exhaustive]
    DiskFull {
        /// The folder that was looked at.
        dir: PathBuf,
        /// What the space is for.
        what: String,
        /// Bytes needed.
        needed: u64,
        /// Bytes free.
        free: u64,
    },
    /// The output exists, is also an input, or is not the name of a file.
    #[error("{}: {problem}", path.display())]
    #[non_exhaustive]
    Output {
        /// The output file.
        path: PathBuf,
        /// Why it is not written.
        problem: String,
    },
    /// The progress callback asked to stop. The output buffers hold an unfinished mosaic.
    #[error("cancelled by the progress callback; the output buffers are unfinished")]
    Cancelled,
    /// A [`PixelSource`](crate::PixelSource) or [`TileSink`](crate::TileSink) outside of this crate failed.
    #[error("{name}: {problem}")]
    #[non_exhaustive]
    Source {
        /// What failed: a name that its user knows.
        name: String,
        /// What is wrong, in words.
        problem: String,
    },
    /// The thread pool could not be built.
    #[error("cannot start {threads} threads: {problem}")]
    #[non_exhaustive]
    Threads {
        /// Threads asked for.
        threads: usize,
        /// What the system said.
        problem: String,
    },
}

impl Error {
    /// Creates the error of a [`PixelSource`](crate::PixelSource), a [`TileSink`](crate::TileSink) or [`LookupTables`](crate::LookupTables) outside
    /// of this crate: `name` says what failed and `problem` what is wrong with it.
    pub fn external(name: impl Into<String>, problem: impl Into<String>) -> Error {
        Error::Source { name: name.into(), problem: problem.into() }
    }

    /// Says which input an error is about, unless it already says so.
    pub(crate) fn of_input(self, index: usize, name: &str) -> Error {
        match self {
            error @ (Error::Input { .. } | Error::Cancelled) => error,
            error => Error::Input { index, name: name.to_owned(), cause: Box::new(error) },
        }
    }

    pub(crate) fn io(path: &std::path::Path, action: impl Into<String>, cause: std::io::Error) -> Error {
        Error::Io { path: path.to_owned(), action: action.into(), cause }
    }

    /// An error about a keyword as one about a keyword of the WCS.
    pub(crate) fn of_wcs(self) -> Error {
        match self {
            Error::Keyword { keyword, value, problem } => Error::Wcs { keyword, value, problem },
            error => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(error: &dyn std::error::Error) -> Vec<String> {
        std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect()
    }

    #[test]
    fn a_chain_of_errors_tells_nothing_twice() {
        let path = PathBuf::from("a.fits");
        let card =
            Error::Keyword { keyword: "FLXSCALE".into(), value: "'x'".into(), problem: "expected a number".into() };
        let nested =
            |cause: Error| Error::Header { path: path.clone(), hdu: 3, cause: Box::new(cause) }.of_input(7, "b");
        let system = Error::io(&path, "open", std::io::Error::other("the disk is on fire"));
        for (error, cause) in
            [(nested(card), "FLXSCALE = 'x': expected a number"), (nested(system), "the disk is on fire")]
        {
            let texts = chain(&error);
            assert_eq!(texts.iter().map(|text| text.matches(cause).count()).sum::<usize>(), 1, "{texts:?}");
            for (k, outer) in texts.iter().enumerate() {
                assert!(texts[k + 1..].iter().all(|inner| !outer.contains(inner)), "{texts:?}");
            }
        }
    }
}
