//! Text in the characters that FITS allows, which are those of printable ASCII.
//!
//! White space and control characters become blanks. Any other character is written as an escape in Rust's notation, `\u{e9}` for é; a backslash
//! that would begin such an escape is written as `\u{5c}`, so that the text read back is the text written.

use std::borrow::Cow;

/// The text without characters that become blanks.
pub(super) fn without_control(text: &str) -> Cow<'_, str> {
    replaced(text, is_blank, |_, out| out.push(' '))
}

/// The text in printable ASCII. Escapes that it already contains stay escapes.
pub(super) fn to_ascii(text: &str) -> Cow<'_, str> {
    replaced(
        text,
        |c| is_blank(c) || !c.is_ascii(),
        |c, out| if is_blank(c) { out.push(' ') } else { push_escape(c, out) },
    )
}

/// The text in printable ASCII, from which [`unescaped`] gets the text back.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        match c {
            '\\' if escape(&text[at..]).is_some() => push_escape(c, &mut out),
            ' '..='~' => out.push(c),
            _ if is_blank(c) => out.push(' '),
            _ => push_escape(c, &mut out),
        }
    }
    Cow::Owned(out)
}

/// The text that [`escaped`] has written.
pub(crate) fn unescaped(ascii: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut rest = ascii;
    while let Some(at) = rest.find('\\') {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let (c, length) = escape(after).unwrap_or(('\\', 1));
        out.push(c);
        rest = &after[length..];
    }
    if rest.len() == ascii.len() { Cow::Borrowed(ascii) } else { Cow::Owned(out + rest) }
}

/// The number of characters, at most `room`, that can be split off escaped text without cutting through an escape.
pub(super) fn cut(ascii: &str, room: usize) -> usize {
    if ascii.len() <= room {
        return ascii.len();
    }
    let mut end = 0;
    while end < room {
        let length = unit(&ascii[end..]);
        if end + length > room {
            break;
        }
        end += length;
    }
    end
}

/// The length of the first escape or character of escaped text.
pub(super) fn unit(ascii: &str) -> usize {
    escape(ascii).map_or(1, |(_, length)| length)
}

/// The character of the escape at the beginning of a text, and the length of the escape: only of one that [`escaped`] writes.
fn escape(text: &str) -> Option<(char, usize)> {
    let (digits, _) = text.strip_prefix("\\u{")?.split_once('}')?;
    let canonical = matches!(digits.len(), 2..=6)
        && !digits.starts_with('0')
        && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let c = char::from_u32(u32::from_str_radix(digits, 16).ok().filter(|_| canonical)?)?;
    (c == '\\' || !c.is_ascii() && !is_blank(c)).then_some((c, digits.len() + 4))
}

fn push_escape(c: char, out: &mut String) {
    out.extend(c.escape_unicode());
}

/// White space and the control characters of ASCII.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || c.is_ascii_control()
}

fn replaced(text: &str, is_other: impl Fn(char) -> bool, push: impl Fn(char, &mut String)) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_other(c) { push(c, &mut out) } else { out.push(c) }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_read_back_and_what_looks_like_one_too() {
        for (text, ascii) in [
            ("Ren\u{e9}", "Ren\\u{e9}"),
            ("\u{2014}\u{1f52d}\u{7f}\u{85}\t|", "\\u{2014}\\u{1f52d}   |"),
            ("\\u{e9}", "\\u{5c}u{e9}"),
            ("\\\u{e9}", "\\\\u{e9}"),
            ("\\u{5c}", "\\u{5c}u{5c}"),
            (
                "\\u{41} \\u{00e9} \\u{E9} \\u{} \\u{e9 \\u{a0} \\x \\",
                "\\u{41} \\u{00e9} \\u{E9} \\u{} \\u{e9 \\u{a0} \\x \\",
            ),
        ] {
            assert_eq!(escaped(text), ascii);
            assert_eq!(unescaped(ascii), without_control(text));
        }
        assert_eq!(to_ascii("\u{e9}\\u{e9}"), "\\u{e9}\\u{e9}");
        assert_eq!([0, 1, 2, 6, 7, 8, 9].map(|room| cut("a\\u{e9}b", room)), [0, 1, 1, 1, 7, 8, 8]);
    }
}
