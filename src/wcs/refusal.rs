//! Errors about keywords of the WCS.

use crate::error::Error;
use crate::header::Header;

/// The error that a keyword is missing or has a value that cannot be used.
pub(crate) fn refuse(keyword: impl Into<String>, value: impl ToString, problem: impl Into<String>) -> Error {
    Error::Wcs { keyword: keyword.into(), value: value.to_string(), problem: problem.into() }
}

/// The value of a keyword as a finite number; `None` without the keyword.
pub(crate) fn finite(header: &Header, keyword: &str) -> Result<Option<f64>, Error> {
    match header.f64(keyword)? {
        Some(value) if !value.is_finite() => Err(refuse(keyword, value, "expected a finite number")),
        value => Ok(value),
    }
}
