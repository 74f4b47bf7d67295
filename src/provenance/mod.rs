//! What a mosaic says about itself: cards of its header, and a table of its inputs.

#[cfg(feature = "fits")]
mod table;

use crate::{CoordinateError, Header, MatchBackground, Options, Plan, Value};

/// Keywords that [`common_cards`] is made for: what was observed, with what, in which unit.
pub const COPIED_KEYWORDS: [&str; 7] = ["OBJECT", "TELESCOP", "INSTRUME", "FILTER", "OBSERVER", "BUNIT", "DATE-OBS"];

impl Plan<'_> {
    /// Cards for the header of the mosaic: NCOMBINE, the inputs that reach into it; CREATOR, this crate and its version; and the
    /// options as HISTORY. Nothing that the pixels do not depend on, so that the same mosaic is the same file.
    pub fn provenance(&self) -> Header {
        let Options {
            resample,
            combine,
            missing,
            coordinate_error,
            blank,
            match_background,
            flux,
            antialias,
            spectral_interpolation,
            ..
        } = self.options();
        let mut header = Header::new();
        header.set("NCOMBINE", self.overlapping() as i64, "inputs that reach into the mosaic");
        header.set("CREATOR", concat!("skymosaic ", env!("CARGO_PKG_VERSION")), "");
        let bound = match coordinate_error {
            CoordinateError::Pixels(pixels) => format!("{pixels:e} px"),
            CoordinateError::Exact => "none".to_owned(),
        };
        let mut history = |text: String| header.push_history(&format!("skymosaic: {text}"));
        history(format!("resample {resample:?}, flux {flux:?}, antialias {antialias}"));
        history(format!("combine {combine:?}, missing {missing:?}, blank {blank}"));
        if (0..self.inputs().len()).any(|input| self.planned(input).leading.is_some()) {
            history(format!("spectral interpolation {spectral_interpolation:?}"));
        }
        history(format!("coordinate error {bound}"));
        if let MatchBackground::Constant(matching) | MatchBackground::Plane(matching) = match_background {
            let what = if matches!(match_background, MatchBackground::Plane(_)) { "plane" } else { "constant" };
            let kept = matching.reference.map_or("mean zero".to_owned(), |input| format!("reference {input}"));
            history(format!("match background {what}, {kept}, pair weight {:?}", matching.weight));
        }
        header
    }
}

/// The cards of these keywords that every header has with the same value. Where `DATE-OBS` differs (dates as FITS writes
/// them, which sort as text), the earliest becomes `DATE-BEG`, "earliest DATE-OBS of the inputs". Values are compared as they stand.
pub fn common_cards<K: AsRef<str>>(headers: &[&Header], keywords: &[K]) -> Header {
    let mut cards = Header::new();
    let Some((first, others)) = headers.split_first() else { return cards };
    for keyword in keywords.iter().map(AsRef::as_ref) {
        let Some(value) = first.get(keyword) else { continue };
        let comment = first.cards().find(|(own, ..)| own.eq_ignore_ascii_case(keyword)).map_or("", |card| card.2);
        if others.iter().all(|other| other.get(keyword) == Some(value)) {
            cards.set(keyword, value.clone(), comment);
        } else if keyword.eq_ignore_ascii_case("DATE-OBS") {
            let date = |header: &&Header| match header.get(keyword) {
                Some(Value::Text(date)) if is_date(date) => Some(date.clone()),
                _ => None,
            };
            let dates: Option<Vec<String>> = headers.iter().map(date).collect();
            if let Some(earliest) = dates.and_then(|dates| dates.into_iter().min()) {
                cards.set("DATE-BEG", earliest.as_str(), "earliest DATE-OBS of the inputs");
            }
        }
    }
    cards
}

/// Whether text starts with yyyy-mm-dd.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 10 && (0..10).all(|k| if k == 4 || k == 7 { bytes[k] == b'-' } else { bytes[k].is_ascii_digit() })
}
