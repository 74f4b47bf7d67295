//! What a mosaic says about itself: cards of its header, and a table of its inputs.

use crate::{Column, CoordinateError, Header, MatchBackground, Options, Plan, Summary, Value, Window};

/// Keywords that [`common_cards`] is made for: what was observed, with what, in which unit.
pub const COPIED_KEYWORDS: [&str; 7] = ["OBJECT", "TELESCOP", "INSTRUME", "FILTER", "OBSERVER", "BUNIT", "DATE-OBS"];

impl Plan<'_> {
    /// Cards for the header of the mosaic: NCOMBINE, the inputs that reach into it; CREATOR, this crate and its version; and the
    /// options as HISTORY. Nothing that the pixels do not depend on, so that the same mosaic is the same file.
    pub fn provenance(&self) -> Header {
        let Options { resample, combine, missing, coordinate_error, blank, match_background, flux, antialias, .. } =
            self.options();
        let mut header = Header::new();
        let count = (0..self.inputs().len()).filter(|input| !self.bounds(*input).is_empty()).count();
        header.set("NCOMBINE", count as i64, "inputs that reach into the mosaic");
        header.set("CREATOR", concat!("skymosaic ", env!("CARGO_PKG_VERSION")), "");
        let bound = match coordinate_error {
            CoordinateError::Pixels(pixels) => format!("{pixels:e} px"),
            CoordinateError::Exact => "none".to_owned(),
        };
        let mut history = |text: String| header.push_history(&format!("skymosaic: {text}"));
        history(format!("resample {resample:?}, flux {flux:?}, antialias {antialias}"));
        history(format!("combine {combine:?}, missing {missing:?}, blank {blank}"));
        history(format!("coordinate error {bound}"));
        if let MatchBackground::Constant(matching) | MatchBackground::Plane(matching) = match_background {
            let what = if matches!(match_background, MatchBackground::Plane(_)) { "plane" } else { "constant" };
            let kept = matching.reference.map_or("mean zero".to_owned(), |input| format!("reference {input}"));
            history(format!("match background {what}, {kept}, pair weight {:?}", matching.weight));
        }
        header
    }

    /// The columns of a table that lists the inputs, one a row: FILE and HDU (-1 of an array, whose name stands for the file), WEIGHTS
    /// (file, "array" or nothing), X0, Y0, NX, NY (the hull of its sub-grids of the output, pixels from 0; NX = NY = 0 if it has none),
    /// PIXELS (output pixels that got a sample), SCALE, COORDERR (largest coordinate error found, in input pixels), and if backgrounds were
    /// matched BACKGRND, what was subtracted at the centre of the target, and SLOPE_X and SLOPE_Y, how it changes per output pixel, a number for
    /// each plane of a cube, and GROUP (of the first plane). [`FitsOutput::append_table`](crate::FitsOutput::append_table) writes it.
    pub fn input_table(&self, summary: &Summary) -> Vec<Column> {
        let inputs = self.inputs();
        let of = |text: &dyn Fn(&crate::Input<'_>) -> String| inputs.iter().map(text).collect::<Vec<_>>();
        let hulls: Vec<Window> = summary
            .inputs
            .iter()
            .map(|input| input.bounds.iter().copied().reduce(|a, b| a.hull(&b)).unwrap_or_default())
            .collect();
        let side = |name: &str, of: fn(&Window) -> usize| {
            Column::integer(name, "pix", hulls.iter().map(|hull| of(hull) as i64).collect())
        };
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let file = |input: &crate::Input<'_>| {
            input.file().map_or_else(|| input.name().to_owned(), |(path, _)| path.display().to_string())
        };
        let weights = |input: &crate::Input<'_>| match input.weights_file() {
            None => String::new(),
            Some(None) => "array".to_owned(),
            Some(Some(path)) => path.display().to_string(),
        };
        let hdus = inputs.iter().map(|input| input.file().map_or(-1, |(_, number)| number as i64));
        let errors = summary.inputs.iter().map(|input| input.max_coordinate_error);
        let mut columns = vec![
            Column::text("FILE", of(&file)),
            Column::integer("HDU", "", hdus.collect()),
            Column::text("WEIGHTS", of(&weights)),
            side("X0", |hull| hull.x0),
            side("Y0", |hull| hull.y0),
            side("NX", |hull| hull.nx),
            side("NY", |hull| hull.ny),
            Column::integer("PIXELS", "", summary.inputs.iter().map(|input| count(input.resampled_pixels)).collect()),
            Column::float("SCALE", "", 1, inputs.iter().map(|input| input.scale()).collect()),
            Column::float("COORDERR", "pix", 1, errors.collect()),
        ];
        if let Some(backgrounds) = summary.backgrounds.as_ref().filter(|backgrounds| !backgrounds.planes.is_empty()) {
            let planes = &backgrounds.planes;
            let each = |name: &str, of: &dyn Fn(&crate::Correction) -> f64| {
                let rows = (0..inputs.len())
                    .flat_map(|input| planes.iter().map(move |plane| plane.corrections.get(input).map_or(0.0, of)));
                Column::float(name, "", planes.len(), rows.collect())
            };
            columns.push(each("BACKGRND", &|correction| correction.offset));
            columns.push(each("SLOPE_X", &|correction| correction.slope[0]));
            columns.push(each("SLOPE_Y", &|correction| correction.slope[1]));
            let mut group_of = vec![0; inputs.len()];
            for (number, group) in planes.iter().take(1).flat_map(|plane| plane.groups.iter().enumerate()) {
                for input in group {
                    if let Some(of) = group_of.get_mut(*input) {
                        *of = number as i64;
                    }
                }
            }
            columns.push(Column::integer("GROUP", "", group_of));
        }
        columns
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
