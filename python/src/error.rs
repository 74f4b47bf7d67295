//! The crate's errors as the Python exceptions that reproject, astropy and numpy raise for the like.

use std::io::ErrorKind;

use pyo3::{
    PyErr,
    exceptions::{
        PyFileExistsError, PyFileNotFoundError, PyMemoryError, PyOSError, PyPermissionError, PyRuntimeError,
        PyValueError,
    },
};
use skymosaic::Error;

/// The exception with the error's message, which names input, file, HDU or card.
pub(crate) fn exception(error: Error) -> PyErr {
    let message = error.to_string();
    let mut innermost = &error;
    while let Error::Input { cause, .. } | Error::Header { cause, .. } = innermost {
        innermost = cause;
    }
    match innermost {
        Error::Io { cause, .. } => match cause.kind() {
            ErrorKind::NotFound => PyFileNotFoundError::new_err(message),
            ErrorKind::PermissionDenied => PyPermissionError::new_err(message),
            _ => PyOSError::new_err(message),
        },
        Error::Fits { .. } | Error::DiskFull { .. } | Error::InUse { .. } => PyOSError::new_err(message),
        Error::Memory { .. } | Error::OutOfMemory { .. } => PyMemoryError::new_err(message),
        Error::Output { .. } => PyFileExistsError::new_err(message),
        Error::Cancelled | Error::Threads { .. } => PyRuntimeError::new_err(message),
        _ => PyValueError::new_err(message),
    }
}
