//! Headers as text: parsing, look-up, writing. No files and no meaning: what a keyword says is for others.

use std::fmt;

mod card;
mod keywords;

pub use card::Value;
pub(crate) use keywords::{BLOCK, is_column, is_numbered, is_structural, is_tiling};

use crate::Error;
use card::{CARD, Card, is_commentary, is_keyword_byte, keyword_before_equals, plain, split_value};

/// A FITS header: cards in their order.
///
/// Keywords are looked up without regard to case; `HIERARCH` keywords by what follows `HIERARCH`. Where a keyword
/// is repeated, look-up finds its first card; [`all`](Header::all) finds every one.
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
    /// A header without cards.
    #[must_use]
    pub fn new() -> Header {
        Header::default()
    }

    /// Reads header text: one card a line, or 80-character records without line ends. Stops at `END`, which may be
    /// missing. Long strings on `CONTINUE` cards are joined; exponents may be written with `D`; keywords may be in
    /// lower case and the `=` need not stand in column 9. Blank cards are left out.
    ///
    /// # Errors
    /// [`Error::Card`] for a line that is no card or has a value that is neither a quoted string, a number nor a
    /// logical.
    pub fn parse(text: &str) -> Result<Header, Error> {
        let mut lines = text.lines().filter(|line| !line.trim().is_empty());
        let only_line = match (lines.next(), lines.next()) {
            (Some(line), None) => Some(line),
            _ => None,
        };
        let mut header = Header::new();
        let mut number = 0;
        for line in text.lines() {
            let is_record = |length: usize| length > CARD && (only_line.is_some() || length.is_multiple_of(CARD));
            let length = line.chars().count();
            let width = if is_record(length) { CARD } else { length.max(1) };
            let mut rest = line.chars();
            // An empty line counts in the numbering as any other.
            for _ in 0..length.div_ceil(width).max(1) {
                number += 1;
                let card: String = rest.by_ref().take(width).collect();
                if is_end(&card) {
                    return Ok(header);
                }
                header.push_card(&card).map_err(|problem| Error::Card {
                    line: number,
                    card: card.trim_end().to_owned(),
                    problem,
                })?;
            }
        }
        Ok(header)
    }

    /// Reads the 80-byte records of a FITS file. `None` without an `END` card. A card that is malformed does not
    /// make the image useless: it is kept without a value, so that only its use is an error.
    pub(crate) fn parse_records(bytes: &[u8]) -> Option<Header> {
        let mut header = Header::new();
        for record in bytes.chunks_exact(CARD) {
            // Bytes outside ASCII are not allowed; read as Latin-1 they do no harm.
            let card: String = record.iter().map(|&byte| if byte < 32 { ' ' } else { char::from(byte) }).collect();
            if is_end(&card) {
                return Some(header);
            }
            if header.push_card(&card).is_err() {
                let (keyword, rest) = card.split_at(card.char_indices().nth(8).map_or(card.len(), |(at, _)| at));
                header.push(&keyword.trim().to_uppercase(), Value::Undefined, rest.trim_start_matches('=').trim());
            }
        }
        None
    }

    /// The value of a keyword: that of its first card.
    #[must_use]
    pub fn get(&self, keyword: &str) -> Option<&Value> {
        self.all(keyword).next()
    }

    /// The values of all cards of a keyword, in order.
    pub fn all<'h>(&'h self, keyword: &str) -> impl Iterator<Item = &'h Value> + use<'h> {
        let keyword = plain(keyword).to_ascii_uppercase();
        self.cards.iter().filter(move |card| *card.keyword == *keyword).map(|card| &card.value)
    }

    /// The value of a keyword as a number; `None` without the keyword.
    ///
    /// # Errors
    /// [`Error::Wcs`] if there is a value that is not a number. A number in quotes is a string.
    pub fn f64(&self, keyword: &str) -> Result<Option<f64>, Error> {
        match self.get(keyword) {
            None => Ok(None),
            Some(Value::Float(number)) => Ok(Some(*number)),
            Some(Value::Integer(number)) => Ok(Some(*number as f64)),
            Some(_) => Err(self.unexpected(keyword, "expected a number")),
        }
    }

    /// The value of a keyword as a whole number; `None` without the keyword. `2.0` is a whole number too.
    ///
    /// # Errors
    /// [`Error::Wcs`] if there is a value that is not a whole number.
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
    /// [`Error::Wcs`] if there is a value that is not a string.
    pub fn text(&self, keyword: &str) -> Result<Option<&str>, Error> {
        match self.get(keyword) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text.trim_end())),
            Some(_) => Err(self.unexpected(keyword, "expected a string in quotes")),
        }
    }

    /// Gives a keyword a value: in its first card, or in a new one at the end. An empty comment leaves the comment
    /// as it is. `COMMENT` and `HISTORY` always get a new card.
    pub fn set(&mut self, keyword: &str, value: impl Into<Value>, comment: &str) {
        let keyword = plain(keyword).trim().to_ascii_uppercase();
        let value = value.into();
        match self.cards.iter_mut().find(|card| *card.keyword == *keyword && !is_commentary(&keyword)) {
            Some(card) => {
                card.value = value;
                if !comment.is_empty() {
                    card.comment = comment.into();
                }
            }
            None => self.push(&keyword, value, comment),
        }
    }

    /// Takes out every card of a keyword.
    pub fn remove(&mut self, keyword: &str) {
        let keyword = plain(keyword).to_ascii_uppercase();
        self.cards.retain(|card| *card.keyword != *keyword);
    }

    /// Adds a `COMMENT` card (several if the text is longer than one takes).
    pub fn push_comment(&mut self, text: &str) {
        self.push("COMMENT", text.into(), "");
    }

    /// Adds a `HISTORY` card (several if the text is longer than one takes).
    pub fn push_history(&mut self, text: &str) {
        self.push("HISTORY", text.into(), "");
    }

    /// Keyword, value and comment of every card, in order.
    pub fn cards(&self) -> impl Iterator<Item = (&str, &Value, &str)> {
        self.cards.iter().map(|card| (&*card.keyword, &card.value, &*card.comment))
    }

    /// Number of cards.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cards.len()
    }

    /// Whether there are no cards.
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
        Error::Wcs { keyword, value, problem: expected.to_owned() }
    }

    fn push(&mut self, keyword: &str, value: Value, comment: &str) {
        self.cards.push(Card { keyword: keyword.into(), value, comment: comment.into() });
    }

    /// Reads one card. The error is what is wrong with it.
    fn push_card(&mut self, card: &str) -> Result<(), String> {
        let card = card.trim_end();
        if card.is_empty() {
            return Ok(());
        }
        let (field, rest) = card.split_at(card.char_indices().nth(8).map_or(card.len(), |(at, _)| at));
        let keyword = field.trim_end().to_ascii_uppercase();
        if is_commentary(&keyword) {
            self.push(&keyword, rest.into(), "");
            return Ok(());
        }
        if keyword == "CONTINUE" {
            return self.push_continuation(rest);
        }
        if let Some(name) = keyword_before_equals(card) {
            let after = card.split_once('=').map_or("", |(_, after)| after);
            let (value, comment) = split_value(after)?;
            self.push(&name, value, comment);
            return Ok(());
        }
        if field.starts_with(' ') || !keyword.bytes().all(is_keyword_byte) {
            return Err("expected KEYWORD = value / comment".to_owned());
        }
        // The standard's "keyword without value indicator": the rest is commentary.
        self.push(&keyword, Value::Undefined, rest.trim());
        Ok(())
    }

    fn push_continuation(&mut self, rest: &str) -> Result<(), String> {
        let continued = match self.cards.last_mut() {
            Some(Card { value: Value::Text(text), comment, .. }) if text.ends_with('&') => Some((text, comment)),
            _ => None,
        };
        match (continued, split_value(rest)) {
            (Some((text, comment)), Ok((Value::Text(more), more_comment))) => {
                text.pop();
                text.push_str(&more);
                if !more_comment.is_empty() {
                    let joined = format!("{comment} {more_comment}");
                    *comment = joined.trim_start().into();
                }
                Ok(())
            }
            (_, Err(problem)) => Err(problem),
            // A CONTINUE that continues nothing is commentary.
            _ => {
                self.push_comment(&format!("CONTINUE{rest}"));
                Ok(())
            }
        }
    }
}

fn is_end(card: &str) -> bool {
    card.trim_end().eq_ignore_ascii_case("END")
}

impl fmt::Display for Header {
    /// 80-character cards, one a line, with `END`. Long strings go on `CONTINUE` cards, long commentary on several
    /// cards; comments that do not fit are cut. Characters outside printable ASCII become `?`.
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

/// Text in the characters that FITS knows.
pub(crate) fn printable(text: &str) -> String {
    let plain = |c: char| c == ' ' || c.is_ascii_graphic();
    text.chars().flat_map(|c| if plain(c) { vec![c] } else { c.escape_default().collect() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str) -> Header {
        Header::parse(text).unwrap()
    }

    #[test]
    fn values_of_every_type() {
        let header = parsed(
            "SIMPLE  =                    T / a comment\nBITPIX  =                  -32\nCRVAL1  =            1.5D-3 / deg\n\
             OBJECT  = 'M 31 ''And''   ' / name / of object\nEMPTY   = ''\nUNDEF   =     / nothing\nBIG     = 99999999999999999999\n\
             Z       = (1.0, 2.0)",
        );
        assert_eq!(header.get("SIMPLE"), Some(&Value::Logical(true)));
        assert_eq!(header.i64("bitpix").unwrap(), Some(-32));
        assert_eq!(header.f64("BITPIX").unwrap(), Some(-32.0));
        assert_eq!(header.f64("CRVAL1").unwrap(), Some(1.5e-3));
        assert_eq!(header.text("OBJECT").unwrap(), Some("M 31 'And'"));
        assert_eq!(header.text("EMPTY").unwrap(), Some(""));
        assert_eq!(header.get("UNDEF"), Some(&Value::Undefined));
        assert_eq!(header.f64("BIG").unwrap(), Some(1e20));
        assert_eq!(header.text("Z").unwrap(), Some("(1.0, 2.0)"));
        assert_eq!(header.cards().nth(3).unwrap().2, "name / of object");
        assert_eq!(header.f64("MISSING").unwrap(), None);
    }

    #[test]
    fn a_quoted_number_is_not_a_number() {
        let error = parsed("CRVAL1  = '12.5'").f64("CRVAL1").unwrap_err();
        assert_eq!(error.to_string(), "CRVAL1 = '12.5': expected a number");
        assert!(parsed("CRVAL1  = ").f64("CRVAL1").is_err());
        assert!(parsed("CTYPE1  = 3").text("CTYPE1").is_err());
        assert!(parsed("WCSAXES = 2.5").i64("WCSAXES").is_err());
        assert_eq!(parsed("WCSAXES = 2.0").i64("WCSAXES").unwrap(), Some(2));
    }

    #[test]
    fn hand_written_lines() {
        let header =
            parsed("  \nnaxis1 = 10\r\nCRVAL1=-1.25 / x\nCTYPE1 = 'RA---TAN'\n\nEND\nafter the end is anything");
        assert_eq!(header.i64("NAXIS1").unwrap(), Some(10));
        assert_eq!(header.f64("CRVAL1").unwrap(), Some(-1.25));
        assert_eq!(header.text("ctype1").unwrap(), Some("RA---TAN"));
        assert_eq!(header.len(), 3);
    }

    #[test]
    fn records_without_line_ends() {
        let text = format!("{:<80}{:<80}{:<80}", "NAXIS1  = 10", "COMMENT x = y", "END");
        for text in [text.as_str(), text.trim_end(), &format!("{text}\n")] {
            let header = parsed(text);
            assert_eq!(header.i64("NAXIS1").unwrap(), Some(10));
            assert_eq!(header.get("COMMENT"), Some(&Value::Text("x = y".to_owned())));
        }
        assert_eq!(Header::parse_records(text.as_bytes()), Some(parsed(&text)));
        assert_eq!(Header::parse_records(&text.as_bytes()[..160]), None);
    }

    #[test]
    fn what_is_no_card() {
        for (text, line) in [
            ("This is a text file", 1),
            ("NAXIS1  = 10\nCRVAL1  = 1.2.3", 2),
            ("OBJECT  = 'M 31", 1),
            ("OBJECT  = M31", 1),
            ("CRVAL1  = NaN", 1),
            ("CRVAL1  = 1E999", 1),
            ("    = 3", 1),
        ] {
            match Header::parse(text) {
                Err(Error::Card { line: at, .. }) => assert_eq!(at, line, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn in_a_file_only_the_use_of_a_bad_card_is_an_error() {
        let text = format!("{:<80}{:<80}{:<80}", "CRVAL1  = 1.2.3 / bad", "CRVAL2  = 2", "END");
        let header = Header::parse_records(text.as_bytes()).unwrap();
        assert_eq!(header.f64("CRVAL2").unwrap(), Some(2.0));
        assert!(header.f64("CRVAL1").unwrap_err().to_string().contains("1.2.3"));
    }

    #[test]
    fn continued_strings_and_hierarch() {
        let header = parsed(
            "LONG    = 'one &' / first\nCONTINUE  'two ''&'\nCONTINUE  'three' / last\nHIERARCH ESO TEL Name = 'VLT' / telescope\n\
             LONE    = 'and &'\nNEXT    = 1\nCONTINUE  'nothing'",
        );
        assert_eq!(header.text("LONG").unwrap(), Some("one two 'three"));
        assert_eq!(header.text("ESO TEL NAME").unwrap(), Some("VLT"));
        assert_eq!(header.text("hierarch eso tel name").unwrap(), Some("VLT"));
        assert_eq!(header.text("LONE").unwrap(), Some("and &"));
        assert_eq!(parsed(&header.to_string()).text("LONG").unwrap(), Some("one two 'three"));
    }

    #[test]
    fn repeated_cards_and_setting() {
        let mut header = parsed("DP1     = 'NAXES: 2'\nDP1     = 'AXIS.1: 1'\nHISTORY a\nHISTORY b");
        assert_eq!(header.all("dp1").count(), 2);
        header.set("DP1", "first", "");
        header.set("NEW", 1.0, "unit");
        header.set("new", 2, "");
        header.push_history("c");
        assert_eq!(header.all("DP1").cloned().collect::<Vec<_>>(), ["first".into(), "AXIS.1: 1".into()]);
        assert_eq!(header.get("NEW"), Some(&Value::Integer(2)));
        assert_eq!(header.all("HISTORY").count(), 3);
        header.remove("history");
        assert_eq!(header.len(), 3);
    }

    #[test]
    fn cards_are_written_in_fixed_format() {
        let mut header = Header::new();
        header.set("SIMPLE", true, "file conforms");
        header.set("OBJECT", "M", "");
        header.set("CDELT1", -1e-7, "");
        header.set("ESO DET NAME", "x", "");
        let text = header.to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.iter().all(|line| line.len() == CARD));
        assert_eq!(lines[0].trim_end(), "SIMPLE  =                    T / file conforms");
        assert_eq!(lines[1].trim_end(), "OBJECT  = 'M       '");
        assert_eq!(lines[2].trim_end(), "CDELT1  =              -1.0E-7");
        assert_eq!(lines[3].trim_end(), "HIERARCH ESO DET NAME = 'x       '");
        assert_eq!(lines[4].trim_end(), "END");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            text in "[ -~]{0,200}", number in any::<f64>(), integer in any::<i64>(), long in "[A-Z]{3,8}( [A-Z0-9]{1,10}){1,3}",
        ) {
            let mut header = Header::new();
            header.set("TEXT", text.trim_end(), "a comment");
            header.set("NUMBER", if number.is_finite() { number } else { 0.0 }, "");
            header.set("INTEGER", integer, "");
            header.set(&long, text.trim_end(), "");
            header.push_history("done");
            let back = Header::parse(&header.to_string()).unwrap();
            for keyword in ["TEXT", "NUMBER", "INTEGER", &long, "HISTORY"] {
                prop_assert_eq!(back.get(keyword), header.get(keyword));
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,200}", bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(header) = Header::parse(&text) {
                let _ = header.to_string();
            }
            if let Some(header) = Header::parse_records(&bytes) {
                prop_assert!(header.to_string().is_ascii());
            }
        }
    }
}
