//! Units of spectral axes in SI: the FITS standard's syntax as far as products of powers of a few units go.

/// A unit: its size in SI and its dimensions, the powers of metre, second and joule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Unit {
    pub(super) size: f64,
    pub(super) dimensions: [i32; 3],
}

impl Unit {
    pub(super) const ONE: Unit = Unit { size: 1.0, dimensions: [0; 3] };

    fn times(self, other: Unit, power: i32) -> Unit {
        let dimensions = [0, 1, 2].map(|k| self.dimensions[k] + power * other.dimensions[k]);
        Unit { size: self.size * other.size.powi(power), dimensions }
    }
}

/// Joules in an electronvolt and an erg (2019 SI).
const ELECTRONVOLT: f64 = 1.602176634e-19;
const ERG: f64 = 1e-7;

/// A unit without a prefix.
fn base(name: &str) -> Option<Unit> {
    let unit = |size, dimensions| Some(Unit { size, dimensions });
    match name {
        "m" | "meter" | "metre" | "meters" | "metres" => unit(1.0, [1, 0, 0]),
        "angstrom" | "Angstrom" | "angstroms" | "Angstroms" | "ANGSTROM" | "ANGSTROMS" | "AA" | "A" => {
            unit(1e-10, [1, 0, 0])
        }
        "micron" | "microns" => unit(1e-6, [1, 0, 0]),
        "s" | "sec" | "second" | "seconds" => unit(1.0, [0, 1, 0]),
        "Hz" | "hz" | "HZ" | "hertz" => unit(1.0, [0, -1, 0]),
        "rad" => unit(1.0, [0; 3]),
        "J" => unit(1.0, [0, 0, 1]),
        "eV" => unit(ELECTRONVOLT, [0, 0, 1]),
        "erg" => unit(ERG, [0, 0, 1]),
        _ => None,
    }
}

/// A unit that may have a prefix.
fn prefixed(name: &str) -> Option<Unit> {
    let prefix = |letter: char| {
        Some(match letter {
            'T' => 1e12,
            'G' => 1e9,
            'M' => 1e6,
            'k' | 'K' => 1e3,
            'c' => 1e-2,
            'm' => 1e-3,
            'u' | 'µ' | 'μ' => 1e-6,
            'n' => 1e-9,
            'p' => 1e-12,
            'f' => 1e-15,
            _ => return None,
        })
    };
    base(name).or_else(|| {
        let mut rest = name.chars();
        let factor = prefix(rest.next()?)?;
        let rest = rest.as_str();
        let may_have_one = matches!(rest, "m" | "s" | "Hz" | "hz" | "HZ" | "J" | "eV");
        base(rest).filter(|_| may_have_one).map(|unit| Unit { size: factor * unit.size, ..unit })
    })
}

/// Reads a unit such as `km/s`, `m s-1`, `cm**-1`, `Angstrom`; spellings in capitals alone are read as those of headers that have no others.
/// `None` if it is none of those that spectral axes have.
pub(super) fn parse(text: &str) -> Option<Unit> {
    // AIPS writes M/S, KM/S and HZ.
    let lowered;
    let has_lower = text.chars().any(|c| c.is_lowercase());
    let text = if has_lower || !text.contains(['M', 'S']) || text.contains("Hz") || text.contains("HZ") {
        text
    } else {
        lowered = text.to_lowercase();
        &lowered
    };
    let mut unit = Unit::ONE;
    let mut sign = 1;
    let mut rest = text.trim();
    while let Some(first) = rest.chars().next() {
        match first {
            '/' if sign == 1 => (sign, rest) = (-1, &rest[1..]),
            '.' | ' ' | '*' => rest = &rest[1..],
            '1' if sign == 1 && unit == Unit::ONE => rest = &rest[1..],
            _ => {
                let end = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
                let (name, after) = rest.split_at_checked(end).filter(|(name, _)| !name.is_empty())?;
                let after = after.strip_prefix("**").or_else(|| after.strip_prefix('^')).unwrap_or(after);
                let after_sign = after.strip_prefix(['-', '+']).unwrap_or(after);
                let digits = after_sign.find(|c: char| !c.is_ascii_digit()).unwrap_or(after_sign.len());
                let (power, left) = match after_sign.split_at_checked(digits)? {
                    ("", _) if after_sign.len() == after.len() => (1, after),
                    (digits, left) => {
                        let power: i32 = digits.parse().ok().filter(|power| (0..=9).contains(power))?;
                        (if after.starts_with('-') { -power } else { power }, left)
                    }
                };
                unit = unit.times(prefixed(name)?, sign * power);
                (sign, rest) = (1, left);
            }
        }
    }
    (sign == 1).then_some(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_spectral_axes_are_read() {
        let velocity = [1, -1, 0];
        for (text, size, dimensions) in [
            ("Hz", 1.0, [0, -1, 0]),
            ("GHz", 1e9, [0, -1, 0]),
            ("MHZ", 1e6, [0, -1, 0]),
            ("HZ", 1.0, [0, -1, 0]),
            ("m/s", 1.0, velocity),
            ("km/s", 1e3, velocity),
            ("km s-1", 1e3, velocity),
            ("m.s**-1", 1.0, velocity),
            ("m s^-1", 1.0, velocity),
            ("M/S", 1.0, velocity),
            ("KM/S", 1e3, velocity),
            ("um", 1e-6, [1, 0, 0]),
            ("nm", 1e-9, [1, 0, 0]),
            ("M", 1.0, [1, 0, 0]),
            ("Angstrom", 1e-10, [1, 0, 0]),
            ("ANGSTROM", 1e-10, [1, 0, 0]),
            ("1/cm", 100.0, [-1, 0, 0]),
            ("/m", 1.0, [-1, 0, 0]),
            ("cm-1", 100.0, [-1, 0, 0]),
            ("keV", 1e3 * ELECTRONVOLT, [0, 0, 1]),
            ("J", 1.0, [0, 0, 1]),
            ("rad/s", 1.0, [0, -1, 0]),
            ("", 1.0, [0; 3]),
        ] {
            let unit = parse(text).unwrap_or_else(|| panic!("{text}"));
            assert!((unit.size / size - 1.0).abs() < 1e-15 && unit.dimensions == dimensions, "{text}: {unit:?}");
        }
        for text in ["furlong", "m/", "km//s", "s-", "é", "m**x", "2 m", "kAngstrom", "m99"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
