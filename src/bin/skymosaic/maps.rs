//! HEALPix maps and HiPS: as inputs, and HEALPix maps as outputs.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use skymosaic::{
    Error, FitsElement, Frame, Hdu, Header, HealpixGrid, HealpixMap, HealpixOrder, HealpixOutput, Input, Pixel, Sinks,
    ValuePlane, Wcs,
};

use crate::{Failure, args::Mosaic, header, inputs::Hdus};

/// Arguments of `mosaic` about HEALPix maps.
#[derive(Args, Debug)]
pub(crate) struct HealpixArgs {
    /// Write HEALPix maps and no images: a table of 12 N² pixels of the whole sky, as healpy reads it
    #[arg(long, value_name = "N", conflicts_with_all = ["target", "mask_out", "count_out", "context_out"])]
    healpix_nside: Option<u64>,
    /// Order of the pixels of the map
    #[arg(long, value_name = "ORDER", default_value = "ring", requires = "healpix_nside")]
    healpix_order: Order,
    /// Coordinates of the map: icrs, fk5, galactic or ecliptic
    #[arg(long, value_name = "FRAME", default_value = "icrs", requires = "healpix_nside", value_parser = header::frame)]
    healpix_frame: Frame,
    /// Write the numbers and values of those pixels only that have a value
    #[arg(long, requires = "healpix_nside")]
    healpix_partial: bool,
    /// Column of values of inputs that are HEALPix maps, from 0, without that of the pixel numbers
    #[arg(long, value_name = "N", default_value = "0")]
    pub(crate) healpix_field: usize,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Order {
    /// Along rings of equal latitude
    Ring,
    /// By base cells and their quarters
    Nested,
}

impl HealpixArgs {
    /// The pixels of the map that is to be written, if one is.
    pub(crate) fn grid(&self) -> Result<Option<HealpixGrid>, Failure> {
        let order = match self.healpix_order {
            Order::Ring => HealpixOrder::Ring,
            Order::Nested => HealpixOrder::Nested,
        };
        let grid = self.healpix_nside.map(|nside| HealpixGrid::new(nside, order)).transpose();
        grid.map_err(|error| Failure::usage(format!("--healpix-nside: {error}")))
    }

    /// The plane of the pixels of a map that is to be written.
    pub(crate) fn plane(&self, grid: HealpixGrid) -> Result<Wcs, Failure> {
        Ok(grid.plane(&self.healpix_frame)?)
    }

    /// Bytes of the values of a map with values of so many bytes. How many there are of a part of the sky shows in the end.
    pub(crate) fn file_bytes(&self, grid: HealpixGrid, size: usize) -> u64 {
        if self.healpix_partial { 0 } else { grid.pixels().saturating_mul(size as u64) }
    }
}

/// Whether a folder is that of a HiPS.
pub(crate) fn is_hips(folder: &Path) -> bool {
    folder.join("properties").is_file()
}

/// The folder of a HiPS, if an input is one: its folder, or `hips:` and a folder.
pub(crate) fn hips_folder(path: &Path) -> Option<&Path> {
    if path.exists() {
        return (path.is_dir() && is_hips(path)).then_some(path);
    }
    path.as_os_str().as_bytes().strip_prefix(b"hips:").map(|folder| Path::new(OsStr::from_bytes(folder)))
}

/// A HiPS as an input, of the order that suits the target.
pub(crate) fn open_hips(folder: &Path, target: Option<&Wcs>) -> Result<Input<'static>, Failure> {
    let Some(target) = target else {
        let name = folder.display();
        return Err(Failure::new(format!("{name} is a folder, and a HiPS as an input needs a target"))
            .help("give the --target of a mosaic, which tells the part of the sky and the scale"));
    };
    Ok(Input::from_hips(folder, target)?)
}

/// A file without an image as an input: its HEALPix table. Without one, the error about the image stands.
pub(crate) fn open_healpix(path: &Path, hdus: &Hdus, field: usize, no_image: Error) -> Result<Input<'static>, Failure> {
    let hdu = match hdus {
        Hdus::One(hdu) => hdu,
        Hdus::All | Hdus::Matching(_) => &Hdu::First,
    };
    match HealpixMap::read(path, hdu, field) {
        Err(Error::Hdu { .. }) => Err(no_image.into()),
        map => Ok(Input::from_healpix(map?)?.named(format!("{} (HEALPix)", path.display()))),
    }
}

/// The maps of the planes of a run.
pub(crate) struct Files<P> {
    maps: Vec<(PathBuf, ValuePlane, HealpixOutput<P>)>,
    /// Value of pixels that no input covers; none in maps of a part of the sky.
    blank: Option<f64>,
    overwrite: bool,
}

impl<P: Pixel + FitsElement> Files<P> {
    pub(crate) fn new(args: &Mosaic, grid: HealpixGrid) -> Files<P> {
        let planes = [
            (Some(&args.output), ValuePlane::Mosaic),
            (args.footprint.as_ref(), ValuePlane::Footprint),
            (args.planes.variance_out.as_ref(), ValuePlane::Variance),
        ];
        let map = |plane| HealpixOutput::new(grid, args.healpix.healpix_frame.clone()).plane(plane);
        let maps = planes.into_iter().filter_map(|(path, plane)| Some((path?.clone(), plane, map(plane))));
        Files {
            maps: maps.collect(),
            blank: (!args.healpix.healpix_partial).then_some(args.blank),
            overwrite: args.overwrite,
        }
    }

    /// Adds the maps to the sinks of a run.
    pub(crate) fn add_to<'s>(&'s mut self, sinks: &mut Sinks<'s, P>) {
        self.maps.iter_mut().for_each(|(.., map)| sinks.add(map));
    }

    pub(crate) fn publish(self, header: &Header) -> Result<(), Failure> {
        for (path, plane, output) in self.maps {
            let map = match self.blank {
                Some(_) if plane == ValuePlane::Footprint => output.into_map(0.0)?,
                Some(blank) => output.into_map(blank)?,
                None => output.into_partial_map()?,
            };
            map.write(path, header, self.overwrite)?;
        }
        Ok(())
    }
}
