//! What a HiPS says about itself: properties, the page that shows it, and the images that it was made of.

use super::{
    format::HipsFormat,
    grid::{CELL, HipsGrid, HipsTile, frame_name},
    options::{HipsOptions, HipsReduction},
    properties::HipsProperties,
    tree::Tree,
};
use crate::{
    Error,
    direction::{Vector, arc, chord, sum, unit},
};

/// What there is to say.
pub(super) struct Survey<'s> {
    pub(super) hips: &'s HipsOptions,
    pub(super) order: u8,
    /// All tiles.
    pub(super) tiles: &'s [HipsTile],
    /// Number of images.
    pub(super) inputs: usize,
    /// Seconds of Unix time.
    pub(super) created: u64,
    /// When images were added last.
    pub(super) released: u64,
    /// Values that are black and white in pictures.
    pub(super) cuts: Option<[f64; 2]>,
    /// The part of the sky that is covered.
    pub(super) fraction: f64,
}

impl Survey<'_> {
    /// Writes `index.html` and `properties`.
    pub(super) fn write(&self, tree: &Tree, finest: &HipsGrid) -> Result<(), Error> {
        let properties = self.properties(tree, finest);
        tree.write("index.html", page(&properties, self.hips).as_bytes())?;
        tree.write("properties", properties.to_string().as_bytes())
    }

    /// All mandatory and recommended keywords of HiPS 1.0, section 4.4.1.
    fn properties(&self, tree: &Tree, finest: &HipsGrid) -> HipsProperties {
        let HipsOptions { width, pixels, .. } = *self.hips;
        let mut properties = HipsProperties::new();
        let mut set = |keyword: &str, value: String| properties.set(keyword, value);
        let word = |format: &HipsFormat| if *format == HipsFormat::Jpeg { "jpeg" } else { format.extension() };
        let formats: Vec<&str> = self.hips.formats.iter().map(word).collect();
        let leaves = || self.tiles.iter().filter(|tile| tile.order() == self.order);
        let (centre, radius) = around(leaves(), finest);
        set("creator_did", self.hips.creator_did.clone());
        set("obs_title", self.hips.title.clone());
        set("obs_description", format!("Co-added from {} images", self.inputs));
        set("dataproduct_type", "image".to_owned());
        set("hips_version", "1.4".to_owned());
        set("hips_builder", format!("skymosaic/{}", env!("CARGO_PKG_VERSION")));
        set("hips_creator", "skymosaic".to_owned());
        set("hips_creation_date", date(self.created));
        set("hips_release_date", date(self.released));
        set("hips_status", "public master clonableOnce".to_owned());
        set("hips_frame", frame_name(&self.hips.frame).unwrap_or_default().to_owned());
        set("hips_order", self.order.to_string());
        set("hips_order_min", "0".to_owned());
        set("hips_tile_width", width.to_string());
        set("hips_tile_format", formats.join(" "));
        set("hips_pixel_scale", format!("{:.4e}", CELL / (width << self.order) as f64));
        set("hips_hierarchy", if self.hips.reduction == HipsReduction::Mean { "mean" } else { "median" }.to_owned());
        set("hips_sampling", "bilinear".to_owned());
        set("hips_estsize", tree.kilobytes(self.tiles, &self.hips.formats).to_string());
        set("hips_nb_tiles", self.tiles.len().to_string());
        if let Some([low, high]) = self.cuts {
            set("hips_pixel_cut", format!("{low} {high}"));
        }
        if self.hips.formats.contains(&HipsFormat::Fits) {
            set("hips_pixel_bitpix", pixels.bitpix().to_string());
        }
        if let Some([ra, dec]) = centre {
            set("hips_initial_ra", format!("{ra:.6}"));
            set("hips_initial_dec", format!("{dec:.6}"));
            set("hips_initial_fov", format!("{:.6}", (2.2 * radius).min(180.0)));
        }
        set("moc_sky_fraction", format!("{:.4e}", self.fraction));
        properties
    }
}

/// The middle of some tiles, in ICRS degrees, and how far the farthest is from it.
fn around<'t>(tiles: impl Iterator<Item = &'t HipsTile>, grid: &HipsGrid) -> (Option<[f64; 2]>, f64) {
    let half = 0.5 * grid.width() as f64 - 0.5;
    let centre_of = |tile: &HipsTile| {
        let window = grid.window(*tile)?;
        grid.wcs().pixel_to_vector(window.x0 as f64 + half, window.y0 as f64 + half)
    };
    let centres: Vec<Vector> = tiles.filter_map(centre_of).collect();
    let middle = unit(sum(centres.iter().copied()));
    if centres.is_empty() || middle[0].is_nan() {
        return (None, 180.0);
    }
    let farthest = centres.iter().map(|centre| arc(chord(middle, *centre))).fold(0.0, f64::max);
    let side = CELL / (1_u64 << grid.order()) as f64;
    let icrs = grid.wcs().frame().to(&crate::wcs::Frame::Icrs).ok().map(|frames| frames.apply(middle));
    let place =
        icrs.map(|[x, y, z]| [y.atan2(x).to_degrees().rem_euclid(360.0), z.clamp(-1.0, 1.0).asin().to_degrees()]);
    (place, farthest.to_degrees() + 0.75 * side)
}

/// A time as a HiPS gives it: `2026-11-25T22:41Z`.
fn date(seconds: u64) -> String {
    let (days, minute) = (seconds / 86_400, seconds % 86_400 / 60);
    // Days of the proleptic Gregorian calendar, counted from 1 March of the year 0 (E. G. Richards, Mapping Time, 1998).
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = year_of_era + 400 * era + year;
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}Z", minute / 60, minute % 60)
}

/// A page that shows the HiPS with Aladin Lite, which is loaded from the CDS and reads the properties.
fn page(properties: &HipsProperties, hips: &HipsOptions) -> String {
    let title = hips.title.replace('&', "&amp;").replace('<', "&lt;");
    let get = |keyword: &str| properties.get(keyword).unwrap_or("0");
    let (ra, dec, fov) = (get("hips_initial_ra"), get("hips_initial_dec"), get("hips_initial_fov"));
    format!(
        r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, height=device-height, initial-scale=1.0">
<title>{title}</title>
<style>html, body, #sky {{ margin: 0; width: 100%; height: 100% }}</style>
</head>
<body>
<div id="sky"></div>
<script src="https://aladin.cds.unistra.fr/AladinLite/api/v3/latest/aladin.js" charset="utf-8"></script>
<script>
const here = new URL('.', location.href).href.replace(/\/$/, '');
A.init.then(() => A.aladin('#sky', {{ survey: here, target: '{ra} {dec}', fov: {fov}, projection: 'TAN', cooFrame: 'ICRSd' }}));
</script>
</body>
</html>
"#
    )
}
