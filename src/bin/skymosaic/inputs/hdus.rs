//! Which HDUs of a file.

use std::{fmt, path::Path};

use glob::{MatchOptions, Pattern};
use skymosaic::{Error, FitsImage, Hdu};

use crate::Failure;

/// Which HDUs of a file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Hdus {
    One(Hdu),
    All,
    Matching(HduPattern),
}

/// EXTNAME and EXTVER as patterns: `SCI,*`, `CCD?`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HduPattern {
    name: Pattern,
    /// Without one, every version.
    version: Option<Pattern>,
}

/// What an option about HDUs expects.
pub(crate) const HDU_FORMS: &str = "N|NAME|PATTERN|all";

/// The value of an option about HDUs.
pub(crate) fn hdus(text: &str) -> Result<Hdus, String> {
    match text {
        "" => Ok(Hdus::One(Hdu::First)),
        "all" => Ok(Hdus::All),
        pattern if pattern.contains(['*', '?', '[']) => {
            let (name, version) = match pattern.rsplit_once(',') {
                Some((name, version)) => (name, Some(version)),
                None => (pattern, None),
            };
            let compiled = |part: &str| Pattern::new(part.trim()).map_err(|error| error.to_string());
            Ok(Hdus::Matching(HduPattern { name: compiled(name)?, version: version.map(compiled).transpose()? }))
        }
        name => Ok(Hdus::One(name.parse().map_err(|error: skymosaic::Error| error.to_string())?)),
    }
}

impl fmt::Display for HduPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{},{version}", self.name),
            None => self.name.fmt(f),
        }
    }
}

impl fmt::Display for Hdus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hdus::One(hdu) => hdu.fmt(f),
            Hdus::All => f.write_str("all"),
            Hdus::Matching(pattern) => pattern.fmt(f),
        }
    }
}

impl HduPattern {
    fn matches(&self, image: &FitsImage) -> bool {
        let options = MatchOptions { case_sensitive: false, ..MatchOptions::default() };
        let version = image.version().to_string();
        self.name.matches_with(image.name(), options)
            && self.version.as_ref().is_none_or(|pattern| pattern.matches(&version))
    }
}

/// Why there are no images.
pub(super) enum Without {
    /// There is a FITS file, and it holds none.
    Image(Error),
    Other(Failure),
}

impl From<Error> for Without {
    fn from(error: Error) -> Without {
        if matches!(error, Error::Hdu { .. }) { Without::Image(error) } else { Without::Other(error.into()) }
    }
}

impl From<Without> for Failure {
    fn from(without: Without) -> Failure {
        match without {
            Without::Image(error) => error.into(),
            Without::Other(failure) => failure,
        }
    }
}

/// The images in some HDUs of a file, in the order of the file; at least one.
pub(super) fn images(path: &Path, hdus: &Hdus) -> Result<Vec<FitsImage>, Without> {
    match hdus {
        Hdus::One(hdu) => Ok(vec![FitsImage::open(path, hdu)?]),
        Hdus::All => Ok(FitsImage::open_all(path)?),
        Hdus::Matching(pattern) => {
            let mut images = FitsImage::open_all(path)?;
            let label = |image: &FitsImage| format!("{} {:?},{}", image.number(), image.name(), image.version());
            let labels: Vec<String> = images.iter().map(label).collect();
            images.retain(|image| pattern.matches(image));
            if images.is_empty() {
                let problem = format!("no HDU with an image is called {pattern}; there are HDU {}", labels.join(", "));
                let failure = Failure::new(problem).about(path.display()).help("choose HDUs with --hdu");
                return Err(Without::Other(failure));
            }
            Ok(images)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hdus_are_numbers_names_and_patterns() {
        assert_eq!(hdus(""), Ok(Hdus::One(Hdu::First)));
        assert_eq!(hdus("3"), Ok(Hdus::One(Hdu::Number(3))));
        assert_eq!(hdus("SCI,2"), Ok(Hdus::One(Hdu::Name("SCI,2".to_owned()))));
        for text in ["all", "SCI,*", "CCD?", "[ab]*,1"] {
            assert_eq!(hdus(text).unwrap().to_string(), text);
        }
        assert!(hdus("[a").is_err() && hdus("***").is_err());
    }
}
