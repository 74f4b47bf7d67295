//! The one error type. Every variant names what it is about, what was found and what was expected.

use std::path::PathBuf;

/// What can go wrong. The message says which input, file, HDU or header card is meant, what was found,
/// what was expected and, where it is not obvious, what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be opened, read, mapped or written.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was being done, as a verb phrase ("open", "write 2880 bytes at offset 0").
        action: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not FITS, is truncated, or its structure contradicts itself.
    #[error("{}: {problem}", path.display())]
    Fits {
        /// The file.
        path: PathBuf,
        /// HDU and problem in words.
        problem: String,
    },
    /// The HDU asked for does not exist or holds no image.
    #[error("{}: HDU {hdu}: {problem}", path.display())]
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
    Card {
        /// Number of the card, from 1.
        line: usize,
        /// The card as it stands.
        card: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A WCS keyword is missing, malformed, contradictory or of a kind that is not supported.
    #[error("{keyword} = {value}: {problem}")]
    Wcs {
        /// The keyword that the problem is about.
        keyword: String,
        /// Its value as it stands, or "(missing)".
        value: String,
        /// What was expected.
        problem: String,
    },
    /// An error about the header of an HDU.
    #[error("{} HDU {hdu}: {source}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// Number of the HDU; 0 is the primary.
        hdu: usize,
        /// The error itself.
        #[source]
        source: Box<Error>,
    },
    /// An error about one of the inputs.
    #[error("input {index} ({name}): {source}")]
    Input {
        /// Position in the list of inputs, from 0.
        index: usize,
        /// File and HDU, or "array".
        name: String,
        /// The error itself.
        #[source]
        source: Box<Error>,
    },
    /// Shapes that must agree do not.
    #[error("{what} has shape {got:?}, expected {expected}")]
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
    /// A file is not a `.npy` file, holds something else than was asked for, or is in use.
    #[error("{}: {problem}", path.display())]
    Npy {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// There is not enough free disk space for temporary files or the output.
    #[error("{}: {needed} bytes of disk are needed for {what} but {free} are free", dir.display())]
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
    /// The output exists, or is also an input.
    #[error("{}: {problem}", path.display())]
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
    Source {
        /// What failed: a name that its user knows.
        name: String,
        /// What is wrong, in words.
        problem: String,
    },
    /// The thread pool could not be built.
    #[error("cannot start {threads} threads: {problem}")]
    Threads {
        /// Threads asked for.
        threads: usize,
        /// What the system said.
        problem: String,
    },
}

impl Error {
    /// Says which input an error is about, unless it already says so.
    pub(crate) fn of_input(self, index: usize, name: &str) -> Error {
        match self {
            error @ (Error::Input { .. } | Error::Cancelled) => error,
            error => Error::Input { index, name: name.to_owned(), source: Box::new(error) },
        }
    }

    pub(crate) fn io(path: &std::path::Path, action: impl Into<String>, source: std::io::Error) -> Error {
        Error::Io { path: path.to_owned(), action: action.into(), source }
    }
}
