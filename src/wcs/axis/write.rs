//! Writing the axes beyond the celestial ones as header cards.

use super::leading_axis::LeadingAxes;
use crate::header::Header;

impl LeadingAxes {
    /// Writes the axes after the two celestial ones, as they were read but for their numbers. Without a length of each, NAXISi are left out.
    pub(in crate::wcs) fn write(&self, header: &mut Header) {
        if self.axes.is_empty() {
            return;
        }
        let dimensions = 2 + self.axes.len();
        let lengths: Option<Vec<usize>> = self.axes.iter().rev().map(|axis| axis.length).collect();
        if let Some(lengths) = lengths.filter(|_| header.get("NAXIS2").is_some()) {
            header.set("NAXIS", dimensions as i64, "");
            for (number, length) in (3..).zip(lengths) {
                header.set(&format!("NAXIS{number}"), i64::try_from(length).unwrap_or(i64::MAX), "");
            }
        }
        header.set("WCSAXES", dimensions as i64, "");
        let has_matrix = header.get("CD1_1").is_some();
        for (number, axis) in (3..).zip(self.axes.iter().rev()) {
            for (stem, value) in &axis.cards {
                let keyword = match stem.split_once('_') {
                    Some((stem, m)) => format!("{stem}{number}_{m}"),
                    // Where there is a CD matrix, CDELTi means nothing.
                    None if stem == "CDELT" && has_matrix => format!("CD{number}_{number}"),
                    None => format!("{stem}{number}"),
                };
                header.set(&keyword, value.clone(), "");
            }
        }
        for (keyword, value, _) in self.shared.cards() {
            header.set(keyword, value.clone(), "");
        }
    }
}
