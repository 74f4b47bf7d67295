//! The kinds of files that a tile is written to.

/// The files that a tile is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum HipsFormat {
    /// The values, in FITS files.
    Fits,
    /// Pictures in grey tones, in which missing pixels are transparent.
    Png,
    /// Pictures in grey tones, in which missing pixels are black: small, and not exact.
    Jpeg,
    /// Pictures in grey tones, without loss, in which missing pixels are transparent.
    Webp,
}

impl HipsFormat {
    /// The ending of the files' names.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            HipsFormat::Fits => "fits",
            HipsFormat::Png => "png",
            HipsFormat::Jpeg => "jpg",
            HipsFormat::Webp => "webp",
        }
    }
}
