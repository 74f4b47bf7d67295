//! Making a HiPS: plan, run, pictures, and what belongs to them.

use std::sync::Mutex;

use super::{
    allsky,
    builder::Builder,
    coverage::Coverage,
    format::HipsFormat,
    grid::{CELL, HipsGrid, HipsTile},
    job::Job,
    options::{HipsExisting, HipsOptions},
    picture::{Histogram, Tones},
    properties::HipsProperties,
    pyramid::Pyramid,
    sink::HipsSink,
    sums::Sums,
    survey::Survey,
    tile::HipsPixels,
    tree::Tree,
};
use crate::{
    Boundary, Error, Input, Options, Plan, PlaneSet, Resample, Summary, Window, free_disk_space, threads::ThreadPool,
};

/// What [`write_hips`] has done.
#[derive(Debug)]
#[non_exhaustive]
pub struct HipsSummary {
    /// The finest order.
    pub order: u8,
    /// Tiles of the finest order that have values.
    pub finest_tiles: usize,
    /// Tiles of all orders.
    pub tiles: usize,
    /// The values that are black and white in pictures; `None` without pictures.
    pub cuts: Option<[f64; 2]>,
    /// What the run did that computed tiles; `None` if none was left to compute.
    pub run: Option<Summary>,
}

/// Makes a hierarchical progressive survey (HiPS) of images: reprojects them onto the tiles of its finest order and co-adds them, as
/// [`reproject_and_coadd`](crate::reproject_and_coadd) does, and makes the orders above, pictures, and all that a HiPS has, in the folder `dir`.
///
/// Every tile of the finest order is what the kernel, combination and background matching of `options` make of the images on the tile's own pixels;
/// [`Options::tile`] and [`Options::blank`] are not used. Memory depends neither on the number of images nor on how much of the sky they cover.
///
/// The folder appears when it is whole. Until then all is in a hidden folder beside it, `.NAME.skymosaic-part`, which a failure or a kill leaves there for
/// [`HipsExisting::Resume`](crate::HipsExisting::Resume). The bytes of tiles depend neither on threads nor on how often a run was resumed.
///
/// ```
/// # use skymosaic::{HipsOptions, HipsProperties, Header, Input, Options, Wcs, write_hips};
/// # let wcs = Wcs::from_header(&Header::parse(
/// #     "CTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRPIX1 = 20.5\nCRPIX2 = 20.5\nCRVAL1 = 83.8\nCRVAL2 = -5.4\n\
/// #      CDELT1 = -0.1\nCDELT2 = 0.1",
/// # )?)?;
/// # let dir = tempfile::tempdir()?;
/// let image = ndarray::Array2::<f32>::from_elem((40, 40), 3.0);
/// let inputs = [Input::from_array(image.view(), wcs)];
/// let summary = write_hips(dir.path().join("hips"), &inputs, &HipsOptions::default().width(64), &Options::default())?;
/// assert_eq!(HipsProperties::read(dir.path().join("hips"))?.order()?, summary.order);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`Plan::new`] and [`Plan::run_to`]; [`Error::Option`] for options that cannot be, and images that are known by a map only; [`Error::Output`] if the
/// folder has something that must not be lost, or has the files of an unfinished run and is not to be resumed; [`Error::DiskFull`] if less disk space is free
/// than the tiles take; [`Error::InUse`] if another process is at it.
pub fn write_hips(
    dir: impl AsRef<std::path::Path>,
    inputs: &[Input<'_>],
    hips: &HipsOptions,
    options: &Options,
) -> Result<HipsSummary, Error> {
    hips.validate()?;
    have_places(inputs, options)?;
    let order = match hips.order {
        Some(order) => order,
        None if hips.existing == HipsExisting::Append => HipsProperties::read(dir.as_ref())?.order()?,
        None => order_of(inputs, hips.width)?,
    };
    let grids: Vec<HipsGrid> =
        (0..=order).map(|order| HipsGrid::new(order, hips.width, &hips.frame)).collect::<Result<_, _>>()?;
    let Some(finest) = grids.last() else { return Err(Error::NoInputs) };
    let options = options.clone().tile(hips.width);
    let plan = Plan::new(inputs, finest.wcs(), &[finest.side(); 2], &Options { blank: f64::NAN, ..options })?;
    if hips.keeps_sums() {
        plan.can_go_on(PlaneSet::NONE)?;
    }
    let tile_of = |window: &Window| finest.tile_at(window.x0, window.y0);
    let mut leaves: Vec<HipsTile> = plan.occupied_tiles(plan.whole()).iter().filter_map(tile_of).collect();
    leaves.sort_unstable();
    let tree = Tree::new(Job::folder_for(dir.as_ref())?);
    let earlier = (hips.existing == HipsExisting::Append).then(|| Tree::new(dir.as_ref()));
    let is_done = |leaf: &HipsTile| match &earlier {
        None => tree.has(*leaf, HipsFormat::Fits),
        Some(earlier) => tree.has_own(*leaf, HipsFormat::Fits, earlier),
    };
    let (done, left): (Vec<HipsTile>, Vec<HipsTile>) = leaves.iter().partition(|leaf| is_done(leaf));
    enough_space(&tree, hips, left.len())?;
    let job = Job::begin(dir.as_ref(), &plan, hips, order)?;
    let builder = Builder {
        pyramid: Pyramid::new(hips.width, order, hips.reduction, &leaves),
        histogram: Histogram::new(),
        coverage: Coverage::new(order),
        pixels: hips.pixels,
        grids: grids.clone(),
        tree: tree.clone(),
        keeps_sums: hips.keeps_sums(),
        is_added_to: earlier.is_some(),
    };
    let sums = hips.keeps_sums().then(|| Sums::new(finest, earlier, tree.clone()));
    let pool = ThreadPool::new(plan.options().parallel)?;
    let mut run = None;
    let mut cuts = None;
    if !job.is_made() {
        pool.map(done.len(), |k| done.get(k).map_or(Ok(()), |leaf| builder.take_known(*leaf)))?;
        if !left.is_empty() {
            let windows: Vec<Window> = left.iter().filter_map(|leaf| finest.window(*leaf)).collect();
            let mut sink = HipsSink { builder: &builder, grid: finest, sums: sums.as_ref(), parts: Mutex::default() };
            run = Some(match hips.pixels {
                HipsPixels::F64 => plan.run_tiles_to::<f64>(&windows, &mut sink)?,
                _ => plan.run_tiles_to::<f32>(&windows, &mut sink)?,
            });
        }
        let tiles = tree.all_tiles(order, HipsFormat::Fits)?;
        let others: Vec<HipsTile> =
            tiles.iter().filter(|tile| tile.order() == order && leaves.binary_search(tile).is_err()).copied().collect();
        pool.map(others.len(), |k| others.get(k).map_or(Ok(()), |leaf| builder.count(*leaf)))?;
        if hips.pictures().next().is_some() {
            let values = builder.histogram.cuts(hips.cuts);
            let tones = Tones::new(values, hips.stretch);
            builder.pictures(&tiles, hips, &tones, &pool, plan.options())?;
            allsky::write(&tree, &tiles, hips, Some(&tones))?;
            cuts = Some(values);
        } else {
            allsky::write(&tree, &tiles, hips, None)?;
        }
        let (map, fraction) = builder.coverage.to_fits(&hips.frame)?;
        tree.write("Moc.fits", &map)?;
        Survey {
            hips,
            order,
            tiles: &tiles,
            inputs: job.inputs(),
            created: job.created(),
            released: job.released(),
            cuts,
            fraction,
        }
        .write(&tree, finest)?;
        if hips.keeps_sums() {
            job.write_made_of(&tree)?;
        }
        job.set_made()?;
    }
    if !hips.formats.contains(&HipsFormat::Fits) {
        tree.remove_all(order, HipsFormat::Fits)?;
    }
    let kept = hips.formats.first().copied().unwrap_or(HipsFormat::Fits);
    let tiles = tree.all_tiles(order, kept)?;
    job.publish()?;
    let finest_tiles = tiles.iter().filter(|tile| tile.order() == order).count();
    Ok(HipsSummary { order, finest_tiles, tiles: tiles.len(), cuts, run })
}

/// Refuses images that would have to be looked for all over the sky.
fn have_places(inputs: &[Input<'_>], options: &Options) -> Result<(), Error> {
    if let Some((index, input)) = inputs.iter().enumerate().find(|(_, input)| input.wcs().is_none()) {
        let expected = "images with a WCS: where on the sky others lie is not known".to_owned();
        return Err(Error::Option { option: "inputs", got: "a map".to_owned(), expected }.of_input(index, input.name()));
    }
    match options.resample {
        Resample::Adaptive(adaptive)
            if adaptive.x_cyclic
                || adaptive.y_cyclic
                || matches!(adaptive.boundary, Boundary::GridConstant { .. } | Boundary::Nearest) =>
        {
            let expected =
                "images that end at their edges: not cyclic, and no boundary that goes on beyond them".to_owned();
            Err(Error::Option { option: "resample", got: format!("{adaptive:?}"), expected })
        }
        _ => Ok(()),
    }
}

/// How many times larger than those of the inputs the pixels of the order are at most that is chosen for them.
const LARGER: f64 = 1.1;

/// The first order whose pixels are not larger, or a tenth at most, than the smallest pixels of the inputs.
fn order_of(inputs: &[Input<'_>], width: usize) -> Result<u8, Error> {
    let scales = inputs.iter().filter_map(|input| Some(input.wcs()?.pixel_scale()));
    let smallest = scales.fold(f64::INFINITY, f64::min);
    let order = (CELL / (LARGER * smallest * width as f64)).log2().ceil().max(0.0);
    match order {
        order if order.is_finite() => Ok(order.min(255.0) as u8),
        _ => Err(Error::Option {
            option: "order",
            got: "None".to_owned(),
            expected: "an order, as no image has a WCS to take a scale from".to_owned(),
        }),
    }
}

/// Fails if less disk space is free than so many finest tiles, and those above, take.
fn enough_space(tree: &Tree, hips: &HipsOptions, leaves: usize) -> Result<(), Error> {
    let area = hips.width * hips.width;
    // A picture of noise takes a byte a pixel.
    let picture = (hips.pictures().count() * area) as u64;
    let sums = if hips.keeps_sums() { HipsPixels::F64.file_bytes(2 * area) } else { 0 };
    let needed = (leaves as u64).saturating_mul(hips.pixels.file_bytes(area) + picture + sums) / 3 * 4;
    let free = free_disk_space(tree.root().parent().unwrap_or(tree.root()))?;
    if needed <= free {
        return Ok(());
    }
    Err(Error::DiskFull { dir: tree.root().to_owned(), what: "the tiles of the HiPS".to_owned(), needed, free })
}
