//! The tiles of order 3 side by side in one file, for programs that show the whole sky at once (HiPS 1.0, section 4.3.1).

use super::{
    format::HipsFormat,
    grid::HipsTile,
    options::HipsOptions,
    picture::{Tones, encode},
    tile::{from_fits, image_file},
    tree::Tree,
};
use crate::{Error, Header};

/// The order of the tiles.
const ORDER: u8 = 3;
/// Pixels along the side of a tile, or as many as it has.
const SIDE: usize = 64;
/// Tiles in a row, and rows.
const COLUMNS: usize = 27;
const ROWS: usize = 29;

/// Writes the files `Norder3/Allsky`, if the HiPS has that order: each tile reduced to 64² means of its values, the first on the upper left.
pub(super) fn write(tree: &Tree, tiles: &[HipsTile], hips: &HipsOptions, tones: Option<&Tones>) -> Result<(), Error> {
    let side = SIDE.min(hips.width);
    let (nx, ny) = (COLUMNS * side, ROWS * side);
    let mut image = vec![f64::NAN; nx * ny];
    let mut any = false;
    for tile in tiles.iter().filter(|tile| tile.order() == ORDER) {
        let values = from_fits(&tree.path(*tile, HipsFormat::Fits), hips.width)?;
        let number = tile.number() as usize;
        // FITS starts with the last row.
        let (x0, y0) = (number % COLUMNS * side, ny - (number / COLUMNS + 1) * side);
        for (k, mean) in block_means(&values, hips.width, side).into_iter().enumerate() {
            if let Some(to) = image.get_mut((y0 + k / side) * nx + x0 + k % side) {
                *to = mean;
            }
        }
        any = true;
    }
    if !any {
        return Ok(());
    }
    let name = |format: HipsFormat| format!("Norder{ORDER}/Allsky.{}", format.extension());
    if let Some(tones) = tones {
        let grey = tones.grey(&image, nx);
        for format in hips.pictures() {
            if let Some(bytes) = encode(format, &grey, nx)? {
                tree.write(name(format), &bytes)?;
            }
        }
    }
    if hips.formats.contains(&HipsFormat::Fits) {
        tree.write(name(HipsFormat::Fits), &image_file([ny, nx], hips.pixels, &Header::new(), &mut image))?;
    }
    Ok(())
}

/// The means of the values in each of `side`² blocks, NaN where there are none.
fn block_means(values: &[f64], width: usize, side: usize) -> Vec<f64> {
    let block = width / side;
    let mut sums = vec![(0.0, 0_u32); side * side];
    for (y, row) in values.chunks_exact(width).enumerate() {
        for (x, value) in row.iter().enumerate().filter(|(_, value)| !value.is_nan()) {
            if let Some((sum, count)) = sums.get_mut(y / block * side + x / block) {
                *sum += value;
                *count += 1;
            }
        }
    }
    sums.into_iter().map(|(sum, count)| if count > 0 { sum / f64::from(count) } else { f64::NAN }).collect()
}
