//! Stands in for `unzip.rs` without the feature `gzip`: zipped files are refused when they are opened.

use std::{convert::Infallible, fs::File, io, marker::PhantomData, path::Path, sync::Arc};

use super::{data::Loading, image::FitsImage};
use crate::{Error, Pixel};

pub(super) const SCRATCH: usize = 0;

const PROBLEM: &str = "is compressed with gzip: reading it takes the feature `gzip` of the crate skymosaic";

/// There is none.
pub(super) struct Unzipped<R>(Infallible, PhantomData<R>);

impl<R> io::Read for Unzipped<R> {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match self.0 {}
    }
}

pub(super) fn unzipped<R>(path: &Path, _: R) -> Result<Box<Unzipped<R>>, Error> {
    Err(Error::Fits { path: path.to_owned(), problem: PROBLEM.to_owned() })
}

pub(super) fn read<P: Pixel>(image: &FitsImage, _: Arc<File>, _: &Loading<'_>, _: &mut [P]) -> Result<(), Error> {
    Err(image.wrong(PROBLEM))
}
