//! What stands in for the decoders that this build of the crate lacks: files that need them are refused when they are opened.

#[cfg(not(feature = "gzip"))]
pub(super) mod unzip {
    use std::{convert::Infallible, fs::File, io, marker::PhantomData, path::Path, sync::Arc};

    use crate::{
        Error, Pixel,
        fits::{FitsImage, Loading},
    };

    pub(in crate::fits) const SCRATCH: usize = 0;

    const PROBLEM: &str = "is compressed with gzip: reading it takes the feature `gzip` of the crate skymosaic";

    /// There is none.
    pub(in crate::fits) struct Unzipped<R>(Infallible, PhantomData<R>);

    impl<R> io::Read for Unzipped<R> {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            match self.0 {}
        }
    }

    pub(in crate::fits) fn unzipped<R>(path: &Path, _: R) -> Result<Box<Unzipped<R>>, Error> {
        Err(Error::Fits { path: path.to_owned(), problem: PROBLEM.to_owned() })
    }

    pub(in crate::fits) fn read<P: Pixel>(
        image: &FitsImage,
        _: Arc<File>,
        _: &Loading<'_>,
        _: &mut [P],
    ) -> Result<(), Error> {
        Err(image.wrong(PROBLEM))
    }
}

#[cfg(not(feature = "tile-compression"))]
pub(super) mod tiles {
    use crate::{
        Error, Pixel, PixelType,
        fits::{
            FitsImage,
            blocks::{Block, BlockGrid},
            file::Data,
        },
        header::Header,
    };

    /// There is none.
    #[derive(Debug)]
    pub(in crate::fits) enum Tiling {}

    impl Tiling {
        pub(in crate::fits) fn new(_: &Header, _: &[usize]) -> Result<Tiling, String> {
            let problem = "is tile-compressed: reading it takes the feature `tile-compression` of the crate skymosaic";
            Err(problem.to_owned())
        }

        pub(in crate::fits) fn bytes(&self) -> u64 {
            match *self {}
        }

        pub(in crate::fits) fn grid(&self, _: PixelType) -> BlockGrid {
            match *self {}
        }

        pub(in crate::fits) fn read<P: Pixel>(
            &self,
            _: &FitsImage,
            _: &Data<'_>,
            _: &Block,
            _: &mut [P],
            _: &dyn Fn() -> Result<(), Error>,
        ) -> Result<(), Error> {
            match *self {}
        }
    }
}
