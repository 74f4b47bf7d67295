//! One header card: its value, how it is read and how it is written.

use std::fmt;

/// Width of a card in characters.
pub(crate) const CARD: usize = 80;

/// The value of a header card.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A string, without its quotes and trailing blanks; also the text of a `COMMENT`, `HISTORY` or blank card.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number with a decimal point or an exponent (`E` or `D`), or a whole number outside the range of `i64`.
    Float(f64),
    /// `T` or `F`.
    Logical(bool),
    /// No value between `=` and `/`, or, in a FITS file, one that cannot be read (it is then the card's comment).
    Undefined,
}

impl fmt::Display for Value {
    /// As in a card, without padding: strings in quotes, floats so that they read back to the same bits.
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
    legal.then(|| words.join(" ").to_ascii_uppercase())
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
    /// The card as one or more lines of at most 80 ASCII characters.
    pub(super) fn lines(&self) -> Vec<String> {
        if is_commentary(&self.keyword) {
            let Value::Text(text) = &self.value else { return Vec::new() };
            return commentary(&self.keyword, text);
        }
        let legal = self.keyword.len() <= 8 && self.keyword.bytes().all(is_keyword_byte);
        let name =
            if legal { format!("{:<8}= ", self.keyword) } else { format!("HIERARCH {} = ", ascii(&self.keyword)) };
        let comment = if self.comment.is_empty() { String::new() } else { format!(" / {}", ascii(&self.comment)) };
        let value = match &self.value {
            // Strings are padded to 8 characters, as the mandatory ones must be.
            Value::Text(text) => format!("{:<20}", format!("'{:<8}'", ascii(text).replace('\'', "''"))),
            value if legal => format!("{:>20}", value.to_string()),
            value => value.to_string(),
        };
        let whole = format!("{name}{value}");
        if whole.trim_end().len() <= CARD {
            let mut line = whole + &comment;
            line.truncate(CARD);
            return vec![line.trim_end().to_owned()];
        }
        match &self.value {
            Value::Text(text) if name.len() + 3 < CARD => {
                let mut lines = long_string(&name, &ascii(text));
                if let Some(last) = lines.last_mut() {
                    last.push_str(&comment);
                    last.truncate(CARD);
                }
                lines
            }
            // A HIERARCH keyword so long that its value has no room on the card.
            _ => commentary("COMMENT", &format!("{}={}", self.keyword, self.value)),
        }
    }
}

/// Cards `name'first part&'`, `CONTINUE  'next part&'`, ….
fn long_string(name: &str, text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = format!("{name}'");
    for character in text.chars() {
        let width = if character == '\'' { 2 } else { 1 };
        // Room is kept for "&'".
        if line.len() + width + 2 > CARD {
            lines.push(line + "&'");
            line = "CONTINUE  '".to_owned();
        }
        line.extend(std::iter::repeat_n(character, width));
    }
    lines.push(line + "'");
    lines
}

fn commentary(keyword: &str, text: &str) -> Vec<String> {
    let text = ascii(text);
    let mut lines = Vec::new();
    let mut rest = text.as_str();
    loop {
        let (line, after) = rest.split_at_checked(CARD - 8).unwrap_or((rest, ""));
        lines.push(format!("{keyword:<8}{line}"));
        rest = after;
        if rest.is_empty() {
            return lines;
        }
    }
}

/// One printable ASCII character for each character, so that cutting at any byte is safe.
fn ascii(text: &str) -> String {
    let printable = |character: char| match character {
        ' '..='~' => character,
        '\n' | '\r' | '\t' => ' ',
        _ => '?',
    };
    text.chars().map(printable).collect()
}
