//! Writing a WCS as header cards.

use super::celestial::Wcs;
use super::distortion::is_card;
use super::header::Description;
use crate::header::Header;

/// Stems of the keywords that are copied with a distortion, whose coefficients depend on them; the last rows are those of DSS plates.
const STEMS: [&str; 26] = [
    "WCSAXES", "CTYPE", "CRPIX", "CRVAL", "CDELT", "CUNIT", "CROTA", "CD", "PC", "PV", "PROJP", "LONPOLE", "LATPOLE",
    "RADESYS", "RADECSYS", "EQUINOX", "EPOCH", "NAXIS", // and of plates:
    "PLTRA", "PLTDEC", "PPO", "XPIXELSZ", "YPIXELSZ", "CNPIX", "AMDX", "AMDY",
];

/// Whether a keyword belongs to a WCS: a stem followed by nothing, indices or the letter of an alternative.
fn is_wcs_card(keyword: &str) -> bool {
    let rest_fits = |rest: &str| rest.len() <= 1 || rest.starts_with(|c: char| c.is_ascii_digit());
    is_card(keyword)
        || STEMS.iter().any(|stem| keyword.strip_prefix(stem).is_some_and(rest_fits))
        || keyword.starts_with("PLT")
}

/// Takes out what a header says about axes 3 and up.
fn without_leading(header: &mut Header) {
    let of_leading = |keyword: &str| {
        let rest = ["CTYPE", "CRPIX", "CRVAL", "CDELT", "CUNIT", "CROTA", "CD", "PC", "PV", "NAXIS"].iter();
        let digits = rest.filter_map(|stem| keyword.strip_prefix(stem)).map(|rest| rest.split('_').next());
        digits.flatten().any(|digits| digits.parse::<usize>().is_ok_and(|axis| (3..=99).contains(&axis)))
    };
    let keywords: Vec<String> = header.cards().map(|(keyword, ..)| keyword.to_owned()).collect();
    keywords.iter().filter(|keyword| of_leading(keyword)).for_each(|keyword| header.remove(keyword));
    for keyword in ["NAXIS", "WCSAXES"] {
        if header.get(keyword).is_some() {
            header.set(keyword, 2i64, "");
        }
    }
}

impl Wcs {
    /// Writes the WCS as header cards in the standard form: angles in degrees, CDELTi or CDi_j, and the values of LONPOLE and LATPOLE that are
    /// used. The cards are a primary description of the two celestial axes, as axes 1 and 2, and of the [leading axes](Self::leading_axes) as they were read; with
    /// NAXISi if the shape is known.
    ///
    /// A WCS with distortions is written with the cards that it was read from, because the distortion coefficients depend on the other keywords.
    /// Distortion tables are not included; they remain in their file.
    #[must_use]
    pub fn to_header(&self) -> Header {
        if let Some(original) = &self.original {
            let mut header = Header::clone(original);
            original
                .cards()
                .filter(|(keyword, ..)| !is_wcs_card(keyword))
                .for_each(|(keyword, ..)| header.remove(keyword));
            if self.celestial_axes() == [0, 1] {
                without_leading(&mut header);
                self.leading.write(&mut header);
            }
            return header;
        }
        let mut header = Header::new();
        if let Some([ny, nx]) = self.shape() {
            header.set("NAXIS", 2i64, "");
            for (keyword, length) in [("NAXIS1", nx), ("NAXIS2", ny)] {
                header.set(keyword, i64::try_from(length).unwrap_or(i64::MAX), "");
            }
        }
        self.description.write(&mut header);
        self.frame().write(&mut header);
        self.leading.write(&mut header);
        header
    }
}

impl Description {
    fn write(&self, header: &mut Header) {
        // The plane's first axis is the one with the lower number, whichever coordinate it is.
        let swapped = self.axes[0] > self.axes[1];
        let [lon, lat] = if swapped { [2, 1] } else { [1, 2] };
        let kind = |axis: &str| format!("{axis:-<4}-{}", self.code);
        let matrix = self.linear.matrix;
        let along = |i: usize, j: usize| if [lon, lat][i] == j + 1 { 1.0 } else { 0.0 };
        let plain = (0..2).all(|i: usize| (0..2).all(|j: usize| along(i, j) == 1.0 || matrix[i][j] == 0.0));
        header.set("WCSAXES", 2i64, "");
        for (i, number) in [lon, lat].into_iter().enumerate() {
            header.set(&format!("CTYPE{number}"), kind(&self.types[i]), "");
            header.set(&format!("CUNIT{number}"), "deg", "");
            header.set(&format!("CRVAL{number}"), self.reference.crval[i], "");
            for (j, value) in matrix[i].into_iter().enumerate() {
                if !plain {
                    header.set(&format!("CD{number}_{}", j + 1), value, "");
                } else if along(i, j) == 1.0 {
                    header.set(&format!("CDELT{number}"), value, "");
                }
            }
        }
        for (j, origin) in self.linear.origin.into_iter().enumerate() {
            header.set(&format!("CRPIX{}", j + 1), origin + 1.0, "");
        }
        header.set("LONPOLE", self.reference.phi_p(), "native longitude of the celestial pole");
        header.set("LATPOLE", self.reference.latpole, "");
        for (m, value) in self.pv.iter().enumerate() {
            if let Some(value) = value {
                header.set(&format!("PV{lat}_{m}"), *value, "");
            }
        }
        let usual = super::projection::Projection::theta0(&self.code, &self.pv);
        if self.offset || self.reference.native != [0.0, usual] {
            header.set(&format!("PV{lon}_0"), if self.offset { 1.0 } else { 0.0 }, "");
            for (m, value) in self.reference.native.into_iter().enumerate() {
                header.set(&format!("PV{lon}_{}", m + 1), value, "");
            }
        }
    }
}
