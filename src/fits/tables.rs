//! The WCS of an image in a file, whose distortion tables lie in other HDUs of the same file.

use std::path::Path;

use ndarray::{Array2, Ix2};

use super::image::FitsImage;
use crate::{Error, Header, LookupTables, Wcs, WcsOptions};

/// The image extensions of a file.
struct Extensions<'p> {
    path: &'p Path,
}

impl FitsImage {
    /// The image's WCS: its primary description, or the alternative one of a letter. Distortion tables are read from the
    /// other HDUs of the file.
    ///
    /// # Errors
    /// [`Error::Header`] of file and HDU with [`Error::Wcs`] in it, naming the card that cannot be used; errors of reading the tables.
    pub fn wcs(&self, alternative: Option<char>) -> Result<Wcs, Error> {
        let tables = Extensions { path: self.path() };
        let mut options = WcsOptions::default().tables(&tables);
        options.alternative = alternative;
        Wcs::from_header_with(self.header(), &options).map_err(|error| Error::Header {
            path: self.path().to_owned(),
            hdu: self.number(),
            cause: Box::new(error),
        })
    }
}

impl LookupTables for Extensions<'_> {
    fn table(&self, extname: &str, extver: i64) -> Result<(Header, Array2<f64>), Error> {
        let image = FitsImage::table(self.path, extname, extver)?.ok_or_else(|| Error::Hdu {
            path: self.path.to_owned(),
            hdu: format!("{extname},{extver}"),
            problem: "there is no such image extension, which the WCS of another HDU needs".to_owned(),
        })?;
        let values = image.read::<f64>()?;
        let shape = Error::Shape {
            what: format!("the distortion table {extname},{extver}"),
            got: values.shape().to_vec(),
            expected: "(ny, nx) or (n)".to_owned(),
        };
        let rows = values.into_dimensionality::<Ix2>();
        Ok((image.header().clone(), rows.map_err(|_| shape)?))
    }
}
