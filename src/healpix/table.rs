//! HEALPix maps in FITS tables: implicit (one value after the other), explicit (pixel numbers in the first column), and multi-order (NUNIQ).

use std::path::Path;

use super::{
    grid::{HealpixGrid, HealpixOrder},
    map::{Cover, HealpixMap, Values, from_uniq, no_room},
};
use crate::{
    Error, Hdu, Header,
    fits::{BinaryTable, Cells, ColumnForm, write_table},
    wcs::Frame,
};

/// The value that stands for a missing pixel, also by healpy's tolerance for what has been rounded to `f32`.
const UNSEEN: f64 = -1.6375e30;

impl HealpixMap {
    /// Reads a column of a HEALPix map from a binary table of a FITS file, plain or gzipped. `field` counts the columns of values from 0, without the
    /// column of pixel numbers of maps that cover a part of the sky. Pixels that are NaN, TNULL, `UNSEEN` or `BAD_DATA` are missing.
    ///
    /// `ORDERING` is RING, NESTED or NUNIQ (MOC maps with a column UNIQ); `NSIDE` may be left out where the number of values tells it; `COORDSYS` is C or
    /// ICRS (also if it is left out), Q (FK5), G or E.
    ///
    /// # Errors
    /// If the file cannot be read or is damaged; [`Error::Hdu`] without such a table, or if nothing says that it is one; [`Error::Header`] for a keyword that cannot be used;
    /// [`Error::Fits`] for columns that are missing, of text, or have another number of values than the map has pixels.
    pub fn read(path: impl AsRef<Path>, hdu: &Hdu, field: usize) -> Result<HealpixMap, Error> {
        let table = BinaryTable::open(path.as_ref(), hdu)?;
        let text = |keyword: &str| {
            let value = table.header.text(keyword).map_err(|error| table.about(error))?;
            Ok::<_, Error>(value.unwrap_or_default().trim().to_ascii_uppercase())
        };
        let frame = frame(&text("COORDSYS")?).map_err(|error| table.about(error))?;
        let ordering = text("ORDERING")?;
        if ordering.is_empty() && text("PIXTYPE")? != "HEALPIX" {
            let problem = "is no HEALPix table: it has neither PIXTYPE = 'HEALPIX' nor ORDERING".to_owned();
            return Err(Error::Hdu { path: path.as_ref().to_owned(), hdu: hdu.to_string(), problem });
        }
        let named = |table: &BinaryTable, names: &[&str]| {
            table.names().position(|column| names.iter().any(|name| column.eq_ignore_ascii_case(name)))
        };
        let multi_order = ordering == "NUNIQ" || ordering == "UNIQ";
        let explicit = text("INDXSCHM")? == "EXPLICIT" || text("OBJECT")? == "PARTIAL";
        let numbers = match (multi_order, explicit) {
            (true, _) => {
                let found = named(&table, &["UNIQ"]);
                Some(found.ok_or_else(|| table.wrong("ORDERING = 'NUNIQ' without a column UNIQ"))?)
            }
            (false, true) => Some(named(&table, &["PIXEL", "PIX", "HPXINDEX"]).unwrap_or(0)),
            (false, false) => None,
        };
        let columns: Vec<usize> = (0..table.names().count()).filter(|column| Some(*column) != numbers).collect();
        let Some(&column) = columns.get(field) else {
            let names: Vec<&str> = table.names().collect();
            let problem = format!("has no column {field} of values; its columns are {}", names.join(", "));
            return Err(table.wrong(&problem));
        };
        let count = table.count(column);
        let nside = table.header.i64("NSIDE").map_err(|error| table.about(error))?;
        let nside = match nside {
            Some(nside) => u64::try_from(nside).unwrap_or(0),
            None if numbers.is_none() && count.is_multiple_of(12) => (count / 12).isqrt(),
            None => 0,
        };
        let order = match ordering.as_str() {
            "RING" => HealpixOrder::Ring,
            "NESTED" | "NEST" | "NUNIQ" | "UNIQ" => HealpixOrder::Nested,
            _ => {
                let problem = "expected RING, NESTED or NUNIQ".to_owned();
                let error = Error::Keyword { keyword: "ORDERING".to_owned(), value: format!("'{ordering}'"), problem };
                return Err(table.about(error));
            }
        };
        let grid = if multi_order { None } else { Some(HealpixGrid::new(nside, order).map_err(|e| table.about(e))?) };
        if let (Some(grid), None) = (grid, numbers)
            && grid.pixels() != count
        {
            let expected = grid.pixels();
            return Err(table.wrong(&format!("has {count} values: expected {expected} for NSIDE = {nside}")));
        }
        if numbers.is_some_and(|numbers| table.count(numbers) != count) {
            return Err(table.wrong("has other numbers of pixels than of values"));
        }
        let single = table.is_exact_in_f32(column);
        let bad = table.header.f64("BAD_DATA").ok().flatten().unwrap_or(UNSEEN);
        let too_large = |_| no_room(&format!("the HEALPix map {}", path.as_ref().display()), count);
        let room = usize::try_from(count).unwrap_or(usize::MAX);
        let (mut floats, mut doubles, mut pixels) = (Vec::<f32>::new(), Vec::<f64>::new(), Vec::<i64>::new());
        let mut reserve = || {
            if single { floats.try_reserve_exact(room) } else { doubles.try_reserve_exact(room) }?;
            pixels.try_reserve_exact(if numbers.is_some() { room } else { 0 })
        };
        reserve().map_err(too_large)?;
        let mut wanted = vec![column];
        wanted.extend(numbers);
        wanted.iter().try_for_each(|column| table.check_numbers(*column))?;
        let integers = table.wrong("the column of pixel numbers does not hold integers");
        let mut integers = Some(integers);
        table.read(&wanted, &mut |place, cells| {
            let valid = |value: f64| {
                let is = |missing: f64| (value - missing).abs() <= 1e-5 * missing.abs();
                if is(bad) || is(UNSEEN) { f64::NAN } else { value }
            };
            match cells {
                Cells::Integers(cells) if place == 1 => pixels.extend_from_slice(cells),
                Cells::Floats(_) if place == 1 => return integers.take().map_or(Ok(()), Err),
                Cells::Integers(cells) if single => floats.extend(cells.iter().map(|v| valid(*v as f64) as f32)),
                Cells::Integers(cells) => doubles.extend(cells.iter().map(|v| valid(*v as f64))),
                Cells::Floats(cells) if single => floats.extend(cells.iter().map(|v| valid(*v) as f32)),
                Cells::Floats(cells) => doubles.extend(cells.iter().map(|v| valid(*v))),
                Cells::Text(..) => {}
            }
            Ok(())
        })?;
        let values = if single { Values::F32(floats) } else { Values::F64(doubles) };
        match grid {
            Some(grid) if numbers.is_none() => HealpixMap::of(values, Cover::Whole, grid, frame),
            Some(grid) => {
                // A negative number is beyond all grids.
                let range = |pixel: i64| u64::try_from(pixel).map_or([u64::MAX - 1, u64::MAX], |p| [p, p + 1]);
                HealpixMap::of_ranges(pixels.into_iter().map(range).collect(), values, grid, frame)
            }
            None => multi_order_map(&pixels, values, frame),
        }
    }

    /// Writes the map as a binary table, in a file of its own, in the type of its values: implicitly with 1024 values a row where that goes, as healpy does,
    /// or, if it covers a part of the sky, with a column PIXEL. Missing pixels are written as `UNSEEN`. `header` may hold more cards. Nothing of the map is
    /// copied meanwhile.
    ///
    /// # Errors
    /// [`Error::Output`] if the file exists and `overwrite` is false; [`Error::Io`]. [`Error::Keyword`] for a frame that `COORDSYS` has no letter for.
    pub fn write(&self, path: impl AsRef<Path>, header: &Header, overwrite: bool) -> Result<(), Error> {
        let letter = match self.frame() {
            Frame::Icrs => "C",
            Frame::Fk5 { equinox } if *equinox == 2000.0 => "Q",
            Frame::Galactic => "G",
            Frame::Ecliptic { equinox } if *equinox == 2000.0 => "E",
            other => {
                return Err(Error::Keyword {
                    keyword: "COORDSYS".to_owned(),
                    value: format!("{other:?}"),
                    problem: "expected ICRS, FK5, Galactic or ecliptic coordinates of J2000".to_owned(),
                });
            }
        };
        let grid = self.grid();
        let order = if grid.order() == HealpixOrder::Ring { "RING" } else { "NESTED" };
        let mut cards = header.clone();
        cards.set("PIXTYPE", "HEALPIX", "HEALPix map");
        cards.set("ORDERING", order, "order of the pixels");
        cards.set("NSIDE", grid.nside() as i64, "pixels along the side of a base cell");
        cards.set("COORDSYS", letter, "C: ICRS, Q: FK5, G: Galactic, E: ecliptic");
        cards.set("BAD_DATA", UNSEEN, "value of missing pixels");
        let (letter, size) = match &*self.values {
            Values::F32(_) => ('E', size_of::<f32>()),
            Values::F64(_) => ('D', size_of::<f64>()),
        };
        let values = |width: usize| ColumnForm {
            name: "VALUE",
            unit: "",
            form: format!("{width}{letter}"),
            bytes: width * size,
        };
        let put = |value: f64, bytes: &mut Vec<u8>| {
            let written = if value.is_nan() { UNSEEN } else { value };
            match &*self.values {
                Values::F32(_) => bytes.extend((written as f32).to_be_bytes()),
                Values::F64(_) => bytes.extend(written.to_be_bytes()),
            }
        };
        let path = path.as_ref();
        match &*self.cover {
            Cover::Whole => {
                cards.set("INDXSCHM", "IMPLICIT", "pixels by their place");
                cards.set("FIRSTPIX", 0, "first pixel");
                cards.set("LASTPIX", grid.pixels() as i64 - 1, "last pixel");
                cards.set("OBJECT", "FULLSKY", "the whole sky");
                let width = if grid.pixels().is_multiple_of(1024) { 1024 } else { 1 };
                let rows = grid.pixels() / width;
                write_table(path, overwrite, ("HEALPIX", &cards), &[values(width as usize)], rows, &mut |row, bytes| {
                    (row * width..(row + 1) * width).for_each(|pixel| put(self.value(pixel), bytes));
                })
            }
            Cover::Ranges(ranges) => {
                cards.set("INDXSCHM", "EXPLICIT", "pixels by the column PIXEL");
                cards.set("OBJECT", "PARTIAL", "a part of the sky");
                let columns = [ColumnForm { name: "PIXEL", unit: "", form: "1K".to_owned(), bytes: 8 }, values(1)];
                let rows = ranges.iter().map(|[start, end]| end - start).sum();
                let mut pixels = self.pixels();
                write_table(path, overwrite, ("HEALPIX", &cards), &columns, rows, &mut |_, bytes| {
                    if let Some((pixel, value)) = pixels.next() {
                        bytes.extend((pixel as i64).to_be_bytes());
                        put(value, bytes);
                    }
                })
            }
        }
    }
}

fn frame(system: &str) -> Result<Frame, Error> {
    Ok(match system {
        "" | "C" | "ICRS" | "CELESTIAL" => Frame::Icrs,
        "Q" | "FK5" | "EQUATORIAL" => Frame::FK5_J2000,
        "G" | "GALACTIC" => Frame::Galactic,
        "E" | "ECLIPTIC" => Frame::Ecliptic { equinox: 2000.0 },
        other => {
            return Err(Error::Keyword {
                keyword: "COORDSYS".to_owned(),
                value: format!("'{other}'"),
                problem: "expected C, Q, G or E".to_owned(),
            });
        }
    })
}

/// The map of pixels of several orders, on the grid of the finest.
fn multi_order_map(uniq: &[i64], values: Values, frame: Frame) -> Result<HealpixMap, Error> {
    let parse = |uniq: &i64| {
        let wrong = || Error::Keyword {
            keyword: "UNIQ".to_owned(),
            value: uniq.to_string(),
            problem: "expected 4^(order + 1) + pixel, with an order of at most 29".to_owned(),
        };
        u64::try_from(*uniq).ok().and_then(from_uniq).ok_or_else(wrong)
    };
    let cells: Vec<(u32, u64)> = uniq.iter().map(parse).collect::<Result<_, _>>()?;
    let finest = cells.iter().map(|(order, _)| *order).max().unwrap_or(0);
    let range = |(order, pixel): (u32, u64)| [pixel, pixel + 1].map(|pixel| pixel << (2 * (finest - order)));
    let grid = HealpixGrid::new(1 << finest, HealpixOrder::Nested)?;
    HealpixMap::of_ranges(cells.into_iter().map(range).collect(), values, grid, frame)
}
