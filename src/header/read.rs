//! Reading headers: lines of text or the records of a file, card by card.

use super::card::{CARD, Card, Value, is_commentary, is_keyword_byte, keyword_before_equals, push, split_value};
use super::escape::{to_ascii, unescaped};
use crate::Error;

/// See [`Header::parse`](super::Header::parse).
pub(super) fn text(text: &str) -> Result<Vec<Card>, Error> {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let only_line = match (lines.next(), lines.next()) {
        (Some(line), None) => Some(line),
        _ => None,
    };
    let mut reader = Reader::default();
    let mut number = 0;
    for line in text.lines() {
        let is_record = |length: usize| length > CARD && (only_line.is_some() || length.is_multiple_of(CARD));
        let length = line.chars().count();
        let width = if is_record(length) { CARD } else { length.max(1) };
        let mut rest = line;
        loop {
            // An empty line counts in the numbering as any other.
            number += 1;
            let (card, after) = rest.split_at(rest.char_indices().nth(width).map_or(rest.len(), |(at, _)| at));
            let ascii = to_ascii(card);
            if is_end(&ascii) {
                return Ok(reader.finish());
            }
            reader.card(&ascii).map_err(|problem| Error::Card {
                line: number,
                card: card.trim_end().to_owned(),
                problem,
            })?;
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
    }
    Ok(reader.finish())
}

/// See [`Header::parse_records`](super::Header::parse_records).
pub(super) fn records(bytes: &[u8]) -> Option<Vec<Card>> {
    let mut reader = Reader::default();
    for record in bytes.chunks_exact(CARD) {
        // FITS does not allow bytes outside ASCII: where they are not UTF-8, they are most likely Latin-1, in which a byte is a character.
        let card = match std::str::from_utf8(record) {
            Ok(card) => card.to_owned(),
            Err(_) => record.iter().map(|&byte| char::from(byte)).collect(),
        };
        let card = to_ascii(&card);
        if is_end(&card) {
            return Some(reader.finish());
        }
        if reader.card(&card).is_err() {
            reader.malformed(&card);
        }
    }
    None
}

fn is_end(card: &str) -> bool {
    card.trim_end().eq_ignore_ascii_case("END")
}

/// A header that is being read.
#[derive(Default)]
struct Reader {
    cards: Vec<Card>,
    // Keyword, value and comment, with escapes, of a string that ends with "&": the next card may continue it.
    string: Option<(String, String, String)>,
}

impl Reader {
    fn finish(mut self) -> Vec<Card> {
        self.end_string();
        self.cards
    }

    /// Takes up the string, which nothing continues any more.
    fn end_string(&mut self) {
        if let Some((keyword, text, comment)) = self.string.take() {
            self.push(&keyword, text.into(), &comment);
        }
    }

    /// Adds a card whose text has escapes.
    fn push(&mut self, keyword: &str, value: Value, comment: &str) {
        let value = match value {
            Value::Text(text) => Value::Text(unescaped(&text).into_owned()),
            value => value,
        };
        push(&mut self.cards, keyword, value, &unescaped(comment));
    }

    fn value(&mut self, keyword: String, value: Value, comment: &str) {
        match value {
            Value::Text(text) if text.ends_with('&') => self.string = Some((keyword, text, comment.to_owned())),
            value => self.push(&keyword, value, comment),
        }
    }

    /// Reads one card of printable ASCII. The error is what is wrong with it.
    fn card(&mut self, card: &str) -> Result<(), String> {
        let card = card.trim_end();
        if card.is_empty() {
            return Ok(());
        }
        let (field, rest) = card.split_at(card.len().min(8));
        let keyword = field.trim_end().to_ascii_uppercase();
        if keyword == "CONTINUE" {
            return self.continuation(rest);
        }
        self.end_string();
        if is_commentary(&keyword) {
            self.push(&keyword, rest.into(), "");
            return Ok(());
        }
        if let Some(name) = keyword_before_equals(card) {
            let after = card.split_once('=').map_or("", |(_, after)| after);
            let (value, comment) = split_value(after)?;
            self.value(name, value, comment);
            return Ok(());
        }
        if field.starts_with(' ') || !keyword.bytes().all(is_keyword_byte) {
            return Err("expected KEYWORD = value / comment".to_owned());
        }
        // The standard's "keyword without value indicator": the rest is commentary.
        self.push(&keyword, Value::Undefined, rest.trim());
        Ok(())
    }

    fn continuation(&mut self, rest: &str) -> Result<(), String> {
        let string = self.string.take();
        match (string, split_value(rest)) {
            (Some((keyword, mut text, mut comment)), Ok((Value::Text(more), more_comment))) => {
                text.pop();
                text.push_str(&more);
                if !more_comment.is_empty() {
                    comment = format!("{comment} {more_comment}").trim_start().to_owned();
                }
                self.value(keyword, text.into(), &comment);
                Ok(())
            }
            (string, continued) => {
                self.string = string;
                self.end_string();
                continued?;
                // A CONTINUE that continues nothing is commentary.
                self.push("COMMENT", format!("CONTINUE{rest}").into(), "");
                Ok(())
            }
        }
    }

    /// Keeps a card that is malformed: its keyword without a value if it has one, otherwise as a comment.
    fn malformed(&mut self, card: &str) {
        match keyword_before_equals(card) {
            Some(keyword) => {
                let after = card.split_once('=').map_or("", |(_, after)| after);
                self.push(&keyword, Value::Undefined, after);
            }
            None => self.push("COMMENT", card.into(), ""),
        }
    }
}
