//! What the files of some observatories and programs mean, as the options that say so.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::ValueEnum;

use super::{Companion, Entry, Role, hdus};
use crate::Failure;

/// `--preset`.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub(crate) enum Preset {
    /// HST exposures (_flt, _flc): SCI, ERR and DQ extensions; hot and warm pixels (DQ 16 and 64) stay
    Hst,
    /// JWST exposures (_cal) and mosaics (_i2d): SCI, ERR and DQ extensions; DQ 1 (DO_NOT_USE) is left out
    Jwst,
    /// DECam Community Pipeline: all extensions, with weights in _oow_ and flags in _ood_ beside _ooi_
    Decam,
    /// ZTF: flags in _mskimg.fits beside _sciimg.fits, DQ 6141 is left out
    Ztf,
    /// SWarp: headers in .head, weights in .weight.fits beside the images, FLXSCALE as photometric scale
    Swarp,
}

/// What the headers of a kind of files mean.
struct Meaning {
    hdus: Option<&'static str>,
    /// HDUs of the same file that hold what belongs to an image.
    within: &'static [(Role, &'static str)],
    /// Other files, whose names have the second text where that of the image has the first.
    beside: &'static [(Role, [&'static str; 2])],
    exclude_bits: Option<u32>,
    scale_keyword: Option<&'static str>,
}

/// Bits of DQ of HST that make no pixel unusable: hot (16) and warm (64) pixels, whose dark current is subtracted.
const HST_GOOD: u32 = 16 | 64;

impl Preset {
    fn meaning(self) -> Meaning {
        let none = Meaning { hdus: None, within: &[], beside: &[], exclude_bits: None, scale_keyword: None };
        match self {
            Preset::Hst => Meaning {
                hdus: Some("SCI,*"),
                within: &[(Role::Error, "ERR,*"), (Role::Mask, "DQ,*")],
                exclude_bits: Some(0xffff & !HST_GOOD),
                ..none
            },
            Preset::Jwst => Meaning {
                hdus: Some("SCI,*"),
                within: &[(Role::Error, "ERR,*"), (Role::Mask, "DQ,*")],
                exclude_bits: Some(1),
                ..none
            },
            // Its flags are numbers, not bits: every one but 0 is that of a bad pixel.
            Preset::Decam => Meaning {
                hdus: Some("all"),
                beside: &[(Role::Weights, ["_ooi_", "_oow_"]), (Role::Mask, ["_ooi_", "_ood_"])],
                exclude_bits: Some(u32::MAX),
                ..none
            },
            // ZTF Science Data System Explanatory Supplement, section 10.4.
            Preset::Ztf => {
                Meaning { beside: &[(Role::Mask, ["_sciimg.fits", "_mskimg.fits"])], exclude_bits: Some(6141), ..none }
            }
            Preset::Swarp => Meaning {
                beside: &[(Role::Weights, [".fits", ".weight.fits"])],
                scale_keyword: Some("FLXSCALE"),
                ..none
            },
        }
    }

    /// Flags that make a pixel missing.
    pub(crate) fn exclude_bits(self) -> Option<u32> {
        self.meaning().exclude_bits
    }

    /// The keyword of the photometric scale, where a header has it.
    pub(super) fn scale_keyword(self) -> Option<&'static str> {
        self.meaning().scale_keyword
    }

    /// Says of an input what is not said already.
    pub(super) fn complete(self, entry: &mut Entry, given: &dyn Fn(Role) -> bool) -> Result<(), Failure> {
        let meaning = self.meaning();
        let parsed = |text: &str| hdus(text).map_err(Failure::new);
        if entry.hdus.is_none() {
            entry.hdus = meaning.hdus.map(parsed).transpose()?;
        }
        let free = |entry: &Entry, role: Role| !entry.has(role) && !given(role);
        for (role, text) in meaning.within {
            if free(entry, *role) {
                entry.set(*role, Companion { path: entry.path.clone(), hdus: Some(parsed(text)?) });
            }
        }
        for (role, names) in meaning.beside {
            if let Some(path) = beside(&entry.path, *names).filter(|_| free(entry, *role)) {
                entry.set(*role, Companion { path, hdus: None });
            }
        }
        if self == Preset::Swarp {
            entry.head = Some(entry.path.with_extension("head")).filter(|path| path.is_file());
        }
        Ok(())
    }

    /// The options that say the same.
    pub(crate) fn options(self) -> String {
        let meaning = self.meaning();
        let mut options: Vec<String> = meaning.hdus.iter().map(|hdus| format!("--hdu '{hdus}'")).collect();
        options.extend(meaning.within.iter().map(|(role, hdus)| format!("--{}-hdu '{hdus}'", role.option())));
        let beside =
            |(role, [from, to]): &(Role, [&str; 2])| format!("--{} (file with {to} for {from})", role.option());
        options.extend(meaning.beside.iter().map(beside));
        options.extend(meaning.exclude_bits.map(|bits| format!("--exclude-bits {bits:#x}")));
        options
            .extend(meaning.scale_keyword.map(|keyword| format!("--scale-keyword {keyword} (where a header has it)")));
        options.join(" ")
    }
}

/// The file whose name has `to` in place of the last `from`, if there is one; also with `.fz` or `.gz` more or less at its end.
fn beside(path: &Path, [from, to]: [&str; 2]) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let at = name.rfind(from)?;
    let other = format!("{}{to}{}", &name[..at], &name[at + from.len()..]);
    let plain = other.trim_end_matches(".fz").trim_end_matches(".gz");
    let names = [other.clone(), plain.to_owned(), format!("{plain}.fz"), format!("{plain}.gz")];
    names
        .iter()
        .map(|name| path.with_file_name(name))
        .find(|path| fs::metadata(path).is_ok_and(|found| found.is_file()))
}

#[cfg(test)]
mod tests {
    use super::{super::Hdus, *};

    #[test]
    fn presets_are_options_that_can_be_given() {
        for preset in Preset::value_variants() {
            let meaning = preset.meaning();
            for text in meaning.hdus.iter().chain(meaning.within.iter().map(|(_, hdus)| hdus)) {
                assert!(!matches!(hdus(text), Err(_) | Ok(Hdus::One(_))), "{text}");
            }
            assert!(!preset.options().is_empty());
        }
        assert_eq!(Preset::Hst.exclude_bits(), Some(65455));
    }
}
