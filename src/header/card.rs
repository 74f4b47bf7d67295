//! The cards of a header: their values, how they are read and how they are written.

use std::borrow::Cow;
use std::fmt;

use super::escape::{cut, escaped, unescaped, unit, without_control};

/// Width of a card in characters.
pub(crate) const CARD: usize = 80;

/// The value of a header card.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// A string without its quotes and trailing blanks, or the text of a `COMMENT`, `HISTORY` or blank card.
    Text(String),
    /// An integer.
    Integer(i64),
    /// A number with a decimal point or an exponent (`E` or `D`), or an integer outside of the range of `i64`.
    Float(f64),
    /// A logical value, `T` or `F`.
    Logical(bool),
    /// The card has no value. In a FITS file, a card whose value is malformed is also undefined, and the text after `=` is its comment.
    Undefined,
}

impl fmt::Display for Value {
    /// Writes the value as in a card, without padding and escapes: strings in quotes, floats with as many digits as they need to be read back
    /// exactly.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
            Value::Integer(number) => write!(f, "{number}"),
            Value::Float(number) if number.is_finite() => {
                let text = format!("{number:?}");
                match text.split_once('e') {
                    Some((mantissa, exponent)) if mantissa.contains('.') => write!(f, "{mantissa}E{exponent}"),
                    Some((mantissa, exponent)) => write!(f, "{mantissa}.0E{exponent}"),
                    None => f.write_str(&text),
                }
            }
            Value::Logical(flag) => f.write_str(if *flag { "T" } else { "F" }),
            Value::Float(_) | Value::Undefined => Ok(()),
        }
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Value {
        Value::Float(number)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        Value::Integer(number)
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Value {
        Value::Integer(number.into())
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Value {
        Value::Logical(flag)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Card {
    // Upper case, without trailing blanks; a HIERARCH keyword without "HIERARCH ".
    pub(super) keyword: Box<str>,
    pub(super) value: Value,
    pub(super) comment: Box<str>,
}

pub(super) fn is_commentary(keyword: &str) -> bool {
    matches!(keyword, "COMMENT" | "HISTORY" | "")
}

pub(super) fn is_keyword_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

pub(super) fn plain(keyword: &str) -> &str {
    match keyword.get(..9) {
        Some(prefix) if prefix.eq_ignore_ascii_case("HIERARCH ") => keyword.get(9..).unwrap_or(keyword).trim(),
        _ => keyword,
    }
}

/// Whether a keyword fits into the first eight columns and has a value.
fn is_short(keyword: &str) -> bool {
    let reserved = is_commentary(keyword) || keyword == "CONTINUE";
    keyword.len() <= 8 && keyword.bytes().all(is_keyword_byte) && !reserved
}

/// Whether a keyword can be written as the words after `HIERARCH`.
fn is_hierarch(keyword: &str) -> bool {
    let reserved = is_commentary(keyword) || keyword == "CONTINUE";
    let legal = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'\'' && byte != b'=';
    escaped(keyword).bytes().all(legal) && !reserved
}

/// The keyword in upper case, if the card is of the form `KEYWORD = …` or `HIERARCH key words = …`.
pub(super) fn keyword_before_equals(card: &str) -> Option<String> {
    let name = card.split_once('=')?.0.trim();
    let stripped = plain(name);
    let is_hierarch = stripped.len() != name.len();
    let words = stripped.split_whitespace().collect::<Vec<_>>();
    let legal = if is_hierarch {
        !words.is_empty() && stripped.bytes().all(|byte| (32..127).contains(&byte) && byte != b'\'')
    } else {
        words.len() == 1 && stripped.len() <= 8 && stripped.bytes().all(is_keyword_byte)
    };
    legal.then(|| unescaped(&words.join(" ")).to_ascii_uppercase())
}

/// Value and comment of what follows `=`.
pub(super) fn split_value(text: &str) -> Result<(Value, &str), String> {
    let text = text.trim();
    if let Some(quoted) = text.strip_prefix('\'') {
        let mut value = String::new();
        let mut rest = quoted;
        loop {
            let (part, after) = rest.split_once('\'').ok_or("the string has no closing quote")?;
            value.push_str(part);
            match after.strip_prefix('\'') {
                Some(after) => {
                    value.push('\'');
                    rest = after;
                }
                None => {
                    rest = after;
                    break;
                }
            }
        }
        value.truncate(value.trim_end_matches(' ').len());
        return Ok((Value::Text(value), comment_of(rest)));
    }
    let (token, comment) = match text.split_once('/') {
        Some((token, comment)) => (token.trim(), comment.trim()),
        None => (text, ""),
    };
    let value = match token {
        "" => Value::Undefined,
        "T" | "t" => Value::Logical(true),
        "F" | "f" => Value::Logical(false),
        // Complex numbers are kept as they stand: nothing here uses one.
        _ if token.starts_with('(') && token.ends_with(')') => Value::Text(token.to_owned()),
        _ => number(token).ok_or("the value is neither a quoted string, a number nor a logical (T or F)")?,
    };
    Ok((value, comment))
}

fn comment_of(rest: &str) -> &str {
    rest.split_once('/').map_or("", |(_, comment)| comment.trim())
}

fn number(token: &str) -> Option<Value> {
    // Rust's parser also knows "inf" and "nan", which FITS does not.
    if !token.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E' | b'd' | b'D')) {
        return None;
    }
    if let Ok(integer) = token.parse() {
        return Some(Value::Integer(integer));
    }
    let float: f64 = token.replace(['d', 'D'], "E").parse().ok()?;
    float.is_finite().then_some(Value::Float(float))
}

impl Card {
    /// A card in the form in which it is read back once it has been written: no control characters, no trailing blanks, a comment that fits.
    /// `None` if the keyword and the value cannot stand on one card, or if the keyword is for commentary.
    pub(super) fn new(keyword: &str, value: Value, comment: &str) -> Option<Card> {
        if !is_short(keyword) && !is_hierarch(keyword) {
            return None;
        }
        let value = match value {
            Value::Text(text) => Value::Text(without_control(&text).trim_end().to_owned()),
            Value::Float(number) if !number.is_finite() => Value::Undefined,
            value => value,
        };
        let mut card = Card { keyword: keyword.into(), value, comment: without_control(comment).trim().into() };
        if card.surely_fits() {
            return Some(card);
        }
        let kept = card.layout()?.1;
        card.comment = unescaped(&escaped(&card.comment)[..kept]).trim_end().into();
        Some(card)
    }

    /// Whether the usual layout holds all of the comment, as far as that can be told without writing it.
    fn surely_fits(&self) -> bool {
        // The longest float is "-1.7976931348623157E-308".
        const LONGEST_NUMBER: usize = 24;
        let needs_no_escape = |text: &str| matches!(escaped(text), Cow::Borrowed(_));
        let value = match &self.value {
            Value::Text(text) if needs_no_escape(text) && !text.contains('\'') => (text.len() + 2).max(LONGEST_NUMBER),
            Value::Text(_) => return false,
            _ => LONGEST_NUMBER,
        };
        is_short(&self.keyword)
            && needs_no_escape(&self.comment)
            && "KEYWORD = ".len() + value + " / ".len() + self.comment.len() <= CARD
    }

    /// The card as one or more lines of at most 80 ASCII characters.
    pub(super) fn lines(&self) -> Vec<String> {
        match &self.value {
            Value::Text(text) if is_commentary(&self.keyword) => vec![format!("{:<8}{}", self.keyword, escaped(text))],
            _ => self.layout().map_or_else(Vec::new, |(lines, _)| lines),
        }
    }

    /// The lines of a card that is not commentary, and how much of the comment they hold: the usual layout if the comment fits, a denser one
    /// otherwise. `None` if there is no room for the value.
    fn layout(&self) -> Option<(Vec<String>, usize)> {
        let short = is_short(&self.keyword);
        let (keyword, comment) = (escaped(&self.keyword), escaped(&self.comment));
        let (name, dense_name) = if short {
            (format!("{keyword:<8}= "), format!("{keyword:<8}="))
        } else {
            (format!("HIERARCH {keyword} = "), format!("HIERARCH {keyword}="))
        };
        let (value, padded) = match &self.value {
            // Strings are padded to 8 characters, as the mandatory ones must be.
            Value::Text(text) => {
                let quoted = escaped(text).replace('\'', "''");
                (format!("'{quoted}'"), format!("{:<20}", format!("'{quoted:<8}'")))
            }
            value if short => (value.to_string(), format!("{:>20}", value.to_string())),
            value => (value.to_string(), value.to_string()),
        };
        let usual = format!("{name}{padded}");
        let usual_length = if comment.is_empty() { usual.trim_end().len() } else { usual.len() + 3 + comment.len() };
        if usual_length <= CARD {
            let line = if comment.is_empty() { usual.trim_end().to_owned() } else { format!("{usual} / {comment}") };
            return Some((vec![line], comment.len()));
        }
        // A keyword without "=": all that follows is its comment.
        let free = short && self.value == Value::Undefined && !comment.starts_with('=') && *self.keyword != *"HIERARCH";
        if free && comment.len() <= CARD - 8 {
            return Some((vec![format!("{keyword:<8}{comment}")], comment.len()));
        }
        if dense_name.len() + value.len() <= CARD {
            return Some(with_comment(vec![dense_name + &value], "/", &comment));
        }
        match &self.value {
            Value::Text(text) if name.len() + 3 < CARD => {
                Some(with_comment(long_string(&name, &escaped(text)), " / ", &comment))
            }
            _ => None,
        }
    }
}

/// The lines with the comment, as far as it fits on the last one, and the length of what fits.
fn with_comment(mut lines: Vec<String>, separator: &str, comment: &str) -> (Vec<String>, usize) {
    let room = lines.last().map_or(0, |last| CARD.saturating_sub(last.len() + separator.len()));
    let kept = &comment[..cut(comment, room)];
    if let Some(last) = lines.last_mut().filter(|_| !kept.is_empty()) {
        last.push_str(separator);
        last.push_str(kept);
    }
    (lines, kept.len())
}

/// Cards `name'first part&'`, `CONTINUE  'next part&'`, ….
fn long_string(name: &str, text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = format!("{name}'");
    let mut rest = text;
    while !rest.is_empty() {
        let (part, after) = rest.split_at(unit(rest));
        let part = if part == "'" { "''" } else { part };
        // Space is kept for "&'".
        if line.len() + part.len() + 2 > CARD {
            lines.push(line + "&'");
            line = "CONTINUE  '".to_owned();
        }
        line.push_str(part);
        rest = after;
    }
    lines.push(line + "'");
    lines
}

/// The text of commentary in pieces that fit on a card each. An empty text is one empty piece.
fn commentary(text: &str) -> Vec<String> {
    let text = escaped(text);
    let mut pieces = Vec::new();
    let mut rest = text.trim_end();
    loop {
        let (piece, after) = rest.split_at(cut(rest, CARD - 8));
        pieces.push(unescaped(piece.trim_end()).into_owned());
        rest = after;
        if rest.is_empty() {
            return pieces;
        }
    }
}

/// Adds a card at the end, or several of commentary. What no card can hold becomes a comment.
pub(super) fn push(cards: &mut Vec<Card>, keyword: &str, value: Value, comment: &str) {
    if is_commentary(keyword) {
        push_commentary(cards, keyword, &content(&value));
    } else if let Some(card) = Card::new(keyword, value.clone(), comment) {
        cards.push(card);
    } else {
        push_commentary(cards, "COMMENT", &format!("{keyword}={value}"));
    }
}

fn push_commentary(cards: &mut Vec<Card>, keyword: &str, text: &str) {
    // A card without keyword and text would be a blank one, which reading leaves out.
    let pieces = commentary(text).into_iter().filter(|piece| !(keyword.is_empty() && piece.is_empty()));
    cards.extend(pieces.map(|piece| Card { keyword: keyword.into(), value: Value::Text(piece), comment: "".into() }));
}

/// A value as the text of commentary.
fn content(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Text(text) => Cow::Borrowed(text),
        value => Cow::Owned(value.to_string()),
    }
}
