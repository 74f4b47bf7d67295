//! Headers as text: parsing, look-up, writing. No files and no meaning: what a keyword says is for others.

use std::fmt;

mod card;
mod escape;
mod keywords;
mod read;

pub use card::Value;
pub(crate) use escape::{escaped, unescaped};
pub(crate) use keywords::{BLOCK, is_column, is_numbered, is_structural, is_tiling};

use crate::Error;
use card::{CARD, Card, is_commentary, plain, push};

/// A FITS header: an ordered list of cards, each with a keyword, a value and a comment.
///
/// Keywords are not case-sensitive, and the word `HIERARCH` is not part of a keyword. If a keyword is repeated, the methods that return one
/// value return that of its first card, and [`all`](Header::all) returns all of them. What is written is printable ASCII, as in FITS files, and
/// reads back to an equal header.
///
/// ```
/// use skymosaic::Header;
///
/// let header = Header::parse("CRPIX1  = 10.5 / reference pixel\nCTYPE1  = 'RA---TAN'")?;
/// assert_eq!(header.f64("crpix1")?, Some(10.5));
/// assert_eq!(header.text("CTYPE1")?, Some("RA---TAN"));
/// assert_eq!(header.f64("CRPIX2")?, None);
/// # Ok::<(), skymosaic::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Header {
    cards: Vec<Card>,
}

impl Header {
    /// Creates a header without cards.
    #[must_use]
    pub fn new() -> Header {
        Header::default()
    }

    /// Reads a header from text with one card per line, or from 80-character records without line ends, up to `END` or the end of the text. Long
    /// strings on `CONTINUE` cards are joined. Keywords may be in lower case, the `=` may be in any column, and exponents may be written with
    /// `D`. Blank cards are ignored.
    ///
    /// The text may contain any characters, although FITS allows printable ASCII only: a header is written with an escape such as `\u{e9}` in
    /// place of each other character, and these escapes are read as the characters again. White space and control characters become blanks.
    ///
    /// # Errors
    /// [`Error::Card`] if a line is not a card, or its value is neither a string in quotes, a number nor a logical value.
    pub fn parse(text: &str) -> Result<Header, Error> {
        Ok(Header { cards: read::text(text)? })
    }

    /// Reads the 80-byte records of a FITS file. `None` without an `END` card. A card that is malformed does not
    /// make the image useless: it is kept without a value, so that only its use is an error. Bytes outside ASCII are read as UTF-8 where a record is
    /// UTF-8 and as Latin-1 elsewhere.
    pub(crate) fn parse_records(bytes: &[u8]) -> Option<Header> {
        Some(Header { cards: read::records(bytes)? })
    }

    /// The value of the first card of a keyword; `None` without the keyword.
    #[must_use]
    pub fn get(&self, keyword: &str) -> Option<&Value> {
        let keyword = plain(keyword);
        self.cards.iter().find(|card| card.keyword.eq_ignore_ascii_case(keyword)).map(|card| &card.value)
    }

    /// The values of all cards of a keyword, in their order.
    pub fn all<'h>(&'h self, keyword: &str) -> impl Iterator<Item = &'h Value> + use<'h> {
        let keyword = plain(keyword).to_ascii_uppercase();
        self.cards.iter().filter(move |card| *card.keyword == *keyword).map(|card| &card.value)
    }

    /// The value of a keyword as a number; `None` without the keyword.
    ///
    /// # Errors
    /// [`Error::Keyword`] if the value is not a number. A number in quotes is a string.
    pub fn f64(&self, keyword: &str) -> Result<Option<f64>, Error> {
        match self.get(keyword) {
            None => Ok(None),
            Some(Value::Float(number)) => Ok(Some(*number)),
            Some(Value::Integer(number)) => Ok(Some(*number as f64)),
            Some(_) => Err(self.unexpected(keyword, "expected a number")),
        }
    }

    /// The value of a keyword as an integer; `None` without the keyword. A float without fraction, such as `2.0`, is accepted.
    ///
    /// # Errors
    /// [`Error::Keyword`] if the value is not an integer.
    pub fn i64(&self, keyword: &str) -> Result<Option<i64>, Error> {
        match self.get(keyword) {
            None => Ok(None),
            Some(Value::Integer(number)) => Ok(Some(*number)),
            Some(Value::Float(number)) if number.fract() == 0.0 && number.abs() < 9e15 => Ok(Some(*number as i64)),
            Some(_) => Err(self.unexpected(keyword, "expected a whole number")),
        }
    }

    /// The value of a keyword as a string without trailing blanks; `None` without the keyword.
    ///
    /// # Errors
    /// [`Error::Keyword`] if the value is not a string.
    pub fn text(&self, keyword: &str) -> Result<Option<&str>, Error> {
        match self.get(keyword) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text.trim_end())),
            Some(_) => Err(self.unexpected(keyword, "expected a string in quotes")),
        }
    }

    /// Sets the value of a keyword in its first card, or in a new card at the end of the header. An empty comment leaves an existing comment
    /// unchanged. `COMMENT` and `HISTORY` always get a new card.
    ///
    /// White space and control characters of text become blanks, a comment is truncated to the length that fits on the card, and a number that
    /// is not finite becomes [`Value::Undefined`]. A keyword that is not legal, or is too long for a card with its value, is written as a
    /// `COMMENT` instead.
    pub fn set(&mut self, keyword: &str, value: impl Into<Value>, comment: &str) {
        let keyword = name_of(keyword);
        let value = value.into();
        match self.cards.iter().position(|card| *card.keyword == *keyword && !is_commentary(&keyword)) {
            Some(at) => {
                let mut card = self.cards.remove(at);
                if !comment.is_empty() {
                    card.comment = comment.into();
                }
                match Card::new(&keyword, value.clone(), &card.comment) {
                    Some(card) => self.cards.insert(at, card),
                    None => push(&mut self.cards, &keyword, value, ""),
                }
            }
            None => push(&mut self.cards, &keyword, value, comment),
        }
    }

    /// Removes all cards of a keyword.
    pub fn remove(&mut self, keyword: &str) {
        let keyword = plain(keyword).to_ascii_uppercase();
        self.cards.retain(|card| *card.keyword != *keyword);
    }

    /// Adds a `COMMENT` card, or several if the text is longer than 72 characters.
    pub fn push_comment(&mut self, text: &str) {
        push(&mut self.cards, "COMMENT", text.into(), "");
    }

    /// Adds a `HISTORY` card, or several if the text is longer than 72 characters.
    pub fn push_history(&mut self, text: &str) {
        push(&mut self.cards, "HISTORY", text.into(), "");
    }

    /// The keyword, value and comment of each card, in their order.
    pub fn cards(&self) -> impl Iterator<Item = (&str, &Value, &str)> {
        self.cards.iter().map(|card| (&*card.keyword, &card.value, &*card.comment))
    }

    /// The number of cards.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cards.len()
    }

    /// Whether the header has no cards.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cards.is_empty()
    }

    /// The cards whose keyword passes.
    pub(crate) fn filtered(&self, keep: impl Fn(&str) -> bool) -> Header {
        Header { cards: self.cards.iter().filter(|card| keep(&card.keyword)).cloned().collect() }
    }

    /// All cards of another header after these.
    pub(crate) fn append(&mut self, mut other: Header) {
        self.cards.append(&mut other.cards);
    }

    /// The header as blocks of 2880 bytes.
    pub(crate) fn to_records(&self) -> Vec<u8> {
        let mut records = self.to_string().into_bytes();
        records.retain(|&byte| byte != b'\n');
        records.resize(records.len().next_multiple_of(BLOCK), b' ');
        records
    }

    fn unexpected(&self, keyword: &str, expected: &str) -> Error {
        let keyword = plain(keyword).to_ascii_uppercase();
        let value = match self.cards.iter().find(|card| *card.keyword == *keyword) {
            Some(Card { value: Value::Undefined, comment, .. }) => format!("(undefined) {comment}"),
            Some(card) => card.value.to_string(),
            None => "(missing)".to_owned(),
        };
        Error::Keyword { keyword, value, problem: expected.to_owned() }
    }
}

/// A keyword as it stands in [`Card`]: words in upper case with one blank between them.
fn name_of(keyword: &str) -> String {
    plain(escape::without_control(keyword).trim()).split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_uppercase()
}

impl fmt::Display for Header {
    /// Writes the header as 80-character cards, one per line, with `END`. Long strings are continued on `CONTINUE` cards. Parsing the text gives
    /// an equal header.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for card in &self.cards {
            for line in card.lines() {
                writeln!(f, "{line:<CARD$}")?;
            }
        }
        writeln!(f, "{:<CARD$}", "END")
    }
}

/// The mandatory cards, then those of the caller that do not speak of the structure, as blocks of 2880 bytes.
pub(crate) fn header_records(mandatory: Header, header: &Header) -> Vec<u8> {
    let names = mandatory.get("EXTNAME").is_some();
    let mut cards = mandatory;
    cards.append(header.filtered(|keyword| !(is_structural(keyword) || names && keyword == "EXTNAME")));
    cards.to_records()
}

/// The header of a primary HDU that has no image, of a file whose contents are in extensions.
pub(crate) fn primary_without_image() -> Header {
    let mut header = Header::new();
    header.set("SIMPLE", true, "conforms to FITS standard");
    header.set("BITPIX", 8, "no image");
    header.set("NAXIS", 0, "no image");
    header.set("EXTEND", true, "the table is an extension");
    header
}

#[cfg(test)]
mod tests;
