//! The file `properties` of a HiPS: lines `keyword = value` (HiPS 1.0, section 4.4.1).

use std::{fmt, path::Path};

use super::grid::frame_name;
use crate::{Error, wcs::Frame};

/// Columns of keywords, which the values are aligned behind.
const ALIGNED: usize = 20;

/// The properties of a HiPS: keywords and values in the order of the file. All are kept, known or not.
///
/// ```
/// use skymosaic::HipsProperties;
///
/// let mut properties = HipsProperties::parse("# made by hand\nhips_order = 3\nhips_frame = galactic\nclient_note = x = y");
/// assert_eq!(properties.order()?, 3);
/// assert_eq!(properties.get("client_note"), Some("x = y"));
/// properties.set("hips_order", 4);
/// assert_eq!(properties.to_string().lines().next(), Some("hips_order           = 4"));
/// # Ok::<(), skymosaic::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HipsProperties {
    lines: Vec<(String, String)>,
}

impl HipsProperties {
    /// No properties.
    #[must_use]
    pub fn new() -> HipsProperties {
        HipsProperties::default()
    }

    /// Reads the text of the file. Comments (`#`) and lines without `=` are passed over.
    #[must_use]
    pub fn parse(text: &str) -> HipsProperties {
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
        let pair = |line: &str| {
            let (keyword, value) = line.split_once('=')?;
            Some((keyword.trim().to_owned(), value.trim().to_owned()))
        };
        HipsProperties { lines: lines.filter_map(pair).filter(|(keyword, _)| !keyword.is_empty()).collect() }
    }

    /// Reads the file of a HiPS from its folder.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read or is not text.
    pub fn read(folder: impl AsRef<Path>) -> Result<HipsProperties, Error> {
        let path = folder.as_ref().join("properties");
        let text = std::fs::read_to_string(&path).map_err(|error| Error::io(&path, "read", error))?;
        Ok(HipsProperties::parse(&text))
    }

    /// The value of a keyword, of its first line if there are several.
    #[must_use]
    pub fn get(&self, keyword: &str) -> Option<&str> {
        self.lines.iter().find(|(name, _)| name == keyword).map(|(_, value)| &**value)
    }

    /// Keywords and values, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.iter().map(|(keyword, value)| (&**keyword, &**value))
    }

    /// Sets the value of a keyword, in its line or in a new one at the end. Line breaks become blanks.
    pub fn set(&mut self, keyword: &str, value: impl fmt::Display) {
        let value = value.to_string().replace(['\n', '\r'], " ");
        match self.lines.iter_mut().find(|(name, _)| name == keyword) {
            Some((_, old)) => *old = value,
            None => self.lines.push((keyword.to_owned(), value)),
        }
    }

    /// `hips_order`: the finest order.
    ///
    /// # Errors
    /// [`Error::Keyword`] if it is missing or not 0 to 29.
    pub fn order(&self) -> Result<u8, Error> {
        let order = self.number("hips_order")?.filter(|order| *order <= 29);
        order.map(|order| order as u8).ok_or_else(|| self.unexpected("hips_order", "expected a number from 0 to 29"))
    }

    /// `hips_tile_width`: pixels along the side of a tile; 512 if it is not said.
    ///
    /// # Errors
    /// [`Error::Keyword`] if it is not a power of two up to 2^15.
    pub fn tile_width(&self) -> Result<usize, Error> {
        let width = self.number("hips_tile_width")?.unwrap_or(512);
        if width.is_power_of_two() && width <= 1 << 15 {
            return Ok(width as usize);
        }
        Err(self.unexpected("hips_tile_width", "expected a power of two, 512 as a rule"))
    }

    /// `hips_frame`.
    ///
    /// # Errors
    /// [`Error::Keyword`] if it is missing or neither `equatorial`, `galactic` nor `ecliptic`.
    pub fn frame(&self) -> Result<Frame, Error> {
        let frames = [Frame::Icrs, Frame::Galactic, Frame::Ecliptic { equinox: 2000.0 }];
        let named = frames.into_iter().find(|frame| frame_name(frame) == self.get("hips_frame"));
        named.ok_or_else(|| self.unexpected("hips_frame", "expected equatorial, galactic or ecliptic"))
    }

    /// `hips_tile_format`: the extensions of the tiles' files, such as `fits`, `png` and `jpg`.
    #[must_use]
    pub fn formats(&self) -> Vec<&str> {
        let words = self.get("hips_tile_format").unwrap_or_default().split([' ', ',']).filter(|word| !word.is_empty());
        words.map(|word| if word == "jpeg" { "jpg" } else { word }).collect()
    }

    fn number(&self, keyword: &str) -> Result<Option<u32>, Error> {
        let number = self.get(keyword).map(|text| text.parse::<u32>());
        number.transpose().map_err(|_| self.unexpected(keyword, "expected a whole number"))
    }

    fn unexpected(&self, keyword: &str, problem: &str) -> Error {
        Error::Keyword {
            keyword: keyword.to_owned(),
            value: self.get(keyword).unwrap_or("(missing)").to_owned(),
            problem: problem.to_owned(),
        }
    }
}

impl fmt::Display for HipsProperties {
    /// The text of the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|(keyword, value)| writeln!(f, "{keyword:<ALIGNED$} = {value}"))
    }
}
