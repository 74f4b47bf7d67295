//! Steps through the HDUs of a FITS file, reading headers only.

use std::{
    fmt,
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use super::{
    file::{FileState, open_file},
    grid::BlockGrid,
    image::{FitsImage, Scaling},
    tiling::Tiling,
    unzip::{self, Unzipped},
};
use crate::{
    Error, PixelType,
    header::{BLOCK, Header, Value, is_column, is_structural},
};

/// An HDU whose header has been read.
pub(super) struct Found {
    pub(super) number: usize,
    pub(super) header: Header,
    data: u64,
    data_bytes: u64,
    pub(super) kind: Kind,
}

/// What is wrong with an image of one axis.
pub(super) const ONE_AXIS: &str = "has 1 axis; an image has at least 2";

/// What is wrong with a table where an image is wanted.
pub(super) const A_TABLE: &str = "is a table, not an image";

pub(super) enum Kind {
    Image(Layout),
    /// An image of one axis as one row of pixels, shape (1, n): no image to mosaic, but a distortion table may be one.
    Row(Layout),
    /// A binary table.
    Table,
    /// What it is instead of an image.
    Other(String),
}

pub(super) struct Layout {
    shape: Vec<usize>,
    pixel_type: PixelType,
    tiled: bool,
}

impl Layout {
    pub(super) fn size(&self) -> String {
        self.shape.iter().rev().map(ToString::to_string).collect::<Vec<_>>().join(" × ")
    }
}

impl Found {
    pub(super) fn name(&self) -> &str {
        self.header.text("EXTNAME").ok().flatten().unwrap_or_default().trim()
    }

    pub(super) fn version(&self) -> i64 {
        self.header.i64("EXTVER").ok().flatten().unwrap_or(1)
    }

    pub(super) fn label(&self) -> String {
        match self.name() {
            "" => self.number.to_string(),
            name => format!("{} {name:?}", self.number),
        }
    }

    pub(super) fn is_called(&self, wanted: &str) -> bool {
        let is = |wanted: &str| {
            let wanted = wanted.trim();
            self.name().eq_ignore_ascii_case(wanted) || (self.number == 0 && wanted.eq_ignore_ascii_case("PRIMARY"))
        };
        let with_version = |(name, version): (&str, &str)| is(name) && version.trim().parse() == Ok(self.version());
        is(wanted) || wanted.rsplit_once(',').is_some_and(with_version)
    }
}

enum Stream {
    Plain(BufReader<File>),
    Gzip(Box<Unzipped<BufReader<File>>>),
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(file) => file.read(buffer),
            Stream::Gzip(file) => file.read(buffer),
        }
    }
}

/// Steps through the HDUs of a file.
pub(super) struct Scan {
    pub(super) path: PathBuf,
    state: FileState,
    stream: Stream,
    // Of the next HDU in the unzipped file.
    position: u64,
    // Bytes of data before it that are still to be passed over.
    data: u64,
    number: usize,
}

impl Scan {
    pub(super) fn open(path: &Path) -> Result<Scan, Error> {
        let (file, metadata) = open_file(path)?;
        let mut file = BufReader::with_capacity(4 * BLOCK, file);
        let start = io::BufRead::fill_buf(&mut file).map_err(|error| Error::io(path, "read", error))?;
        let stream = match start {
            [0x1f, 0x8b, ..] => Stream::Gzip(unzip::unzipped(path, file)?),
            _ => Stream::Plain(file),
        };
        Ok(Scan { path: path.to_owned(), state: FileState::new(&metadata), stream, position: 0, data: 0, number: 0 })
    }

    fn wrong(&self, problem: impl fmt::Display) -> Error {
        Error::Fits { path: self.path.clone(), problem: format!("HDU {}: {problem}", self.number) }
    }

    fn not_fits(&self, problem: &str) -> Error {
        Error::Fits { path: self.path.clone(), problem: problem.to_owned() }
    }

    fn io(&self, error: io::Error) -> Error {
        match self.stream {
            Stream::Gzip(_) => self.not_fits(&format!("the gzip file is truncated or corrupt: {error}")),
            Stream::Plain(_) => Error::io(&self.path, "read", error),
        }
    }

    /// The next HDU; its data is passed over when the one after it is asked for.
    pub(super) fn next_hdu(&mut self) -> Result<Option<Found>, Error> {
        self.skip_data()?;
        let Some(header) = self.read_header()? else { return Ok(None) };
        let (kind, data_bytes) = structure(&header).map_err(|problem| self.wrong(problem))?;
        let found = Found { number: self.number, header, data: self.position, data_bytes, kind };
        self.check_length(&found)?;
        self.data = data_bytes.next_multiple_of(BLOCK as u64);
        self.number += 1;
        Ok(Some(found))
    }

    fn read_header(&mut self) -> Result<Option<Header>, Error> {
        // More than any header has; a file without END is not read to its end, however long.
        const MOST_BLOCKS: usize = 10_000;
        let mut bytes = Vec::new();
        for index in 0..MOST_BLOCKS {
            let mut block = Vec::with_capacity(BLOCK);
            (&mut self.stream).take(BLOCK as u64).read_to_end(&mut block).map_err(|error| self.io(error))?;
            if index == 0 {
                match self.number {
                    0 => self.check_start(&block)?,
                    // What follows the last HDU and is no extension ("special records") is to be ignored.
                    _ if !block.starts_with(b"XTENSION") => return Ok(None),
                    _ => {}
                }
            }
            self.position += BLOCK as u64;
            if block.len() < BLOCK {
                // Some writers do not fill up the last block.
                bytes.extend(block);
                return match Header::parse_records(&bytes) {
                    Some(header) => Ok(Some(header)),
                    None => Err(self.wrong("the file is truncated within the header: it has no END card")),
                };
            }
            let is_end = |card: &[u8]| card.trim_ascii_end().eq_ignore_ascii_case(b"END");
            let ends = block.chunks_exact(80).any(is_end);
            bytes.extend(block);
            if ends {
                return Ok(Header::parse_records(&bytes));
            }
        }
        Err(self.wrong("the header has no END card"))
    }

    fn check_start(&self, block: &[u8]) -> Result<(), Error> {
        let problem = match block {
            [] => "the file is empty",
            _ if block.starts_with(b"SIMPLE  =") => return Ok(()),
            [0x1f, 0x9d, ..] | [b'B', b'Z', b'h', ..] | [b'P', b'K', 3, 4, ..] | [0xfd, b'7', b'z', ..] => {
                "compressed with compress, bzip2, zip or xz: unpack it first (gzip and tile compression are read as \
                 they are)"
            }
            _ => "not a FITS file (it does not begin with SIMPLE  =)",
        };
        Err(self.not_fits(problem))
    }

    fn check_length(&self, found: &Found) -> Result<(), Error> {
        let end = found.data.saturating_add(found.data_bytes);
        match self.stream {
            Stream::Plain(_) if end > self.state.size => Err(self.wrong(format!(
                "the file is truncated: the header says that the data ends at byte {end}, the file has {} bytes",
                self.state.size
            ))),
            // Only unzipping would tell: checked when the data is decoded.
            _ => Ok(()),
        }
    }

    /// The next bytes of the data of the HDU that was found last.
    pub(super) fn read_data(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.stream.read_exact(bytes).map_err(|error| self.io(error))?;
        self.position = self.position.saturating_add(bytes.len() as u64);
        self.data = self.data.saturating_sub(bytes.len() as u64);
        Ok(())
    }

    fn skip_data(&mut self) -> Result<(), Error> {
        let bytes = std::mem::take(&mut self.data);
        match &mut self.stream {
            // Beyond the end of the file is no error; the next read finds nothing.
            Stream::Plain(file) => file.seek_relative(i64::try_from(bytes).unwrap_or(i64::MAX)),
            Stream::Gzip(file) => io::copy(&mut file.take(bytes), &mut io::sink()).map(|_| ()),
        }
        .map_err(|error| self.io(error))?;
        self.position = self.position.saturating_add(bytes);
        Ok(())
    }

    /// The image in an HDU of this file.
    pub(super) fn image(&self, found: Found) -> Result<FitsImage, Error> {
        let (name, version) = (found.name().to_owned(), found.version());
        let Found { number, mut header, data, kind, .. } = found;
        let (Kind::Image(layout) | Kind::Row(layout)) = kind else {
            return Err(self.not_fits(&format!("HDU {number}: holds no image")));
        };
        let Layout { shape, pixel_type, tiled } = layout;
        let wrong = |problem: String| self.not_fits(&format!("HDU {number}: {problem}"));
        let mut tiling = None;
        if tiled {
            tiling = Some(Box::new(Tiling::new(&header, &shape).map_err(wrong)?));
            header = uncompressed_header(&header, number, &shape, pixel_type);
        }
        let scaling = scaling(&header, pixel_type).map_err(wrong)?;
        let gzip = matches!(self.stream, Stream::Gzip(_));
        let [.., ny, nx] = *shape else { return Err(wrong(ONE_AXIS.to_owned())) };
        let sides = [shape.iter().rev().skip(2).product(), ny, nx];
        let grid = match &tiling {
            _ if gzip => BlockGrid::whole(sides, unzip::SCRATCH),
            Some(tiling) => tiling.grid(pixel_type),
            None => BlockGrid::plain(sides),
        };
        Ok(FitsImage {
            path: self.path.clone(),
            state: self.state,
            number,
            name,
            version,
            header,
            shape,
            pixel_type,
            scaling,
            gzip,
            tiling,
            grid,
            offset: data,
        })
    }
}

/// A whole number that must be there and not negative.
fn length(header: &Header, keyword: &str) -> Result<u64, String> {
    match header.i64(keyword).map_err(|error| error.to_string())? {
        Some(number) => u64::try_from(number).map_err(|_| format!("{keyword} = {number}: expected 0 or more")),
        None => Err(format!("{keyword} is missing")),
    }
}

/// Whether a logical keyword is there and true.
fn is_true(header: &Header, keyword: &str) -> bool {
    header.get(keyword) == Some(&Value::Logical(true))
}

/// The lengths of the axes as `NAXIS` and `NAXISn` have them, or `ZNAXIS` and `ZNAXISn`.
fn axes(header: &Header, stem: &str) -> Result<Vec<u64>, String> {
    match length(header, stem)? {
        count @ 0..=999 => (1..=count).map(|axis| length(header, &format!("{stem}{axis}"))).collect(),
        count => Err(format!("{stem} = {count}: expected at most 999")),
    }
}

fn pixel_type(header: &Header, keyword: &str) -> Result<PixelType, String> {
    let bitpix = header.i64(keyword).map_err(|error| error.to_string())?;
    let bitpix = bitpix.ok_or_else(|| format!("{keyword} is missing"))?;
    PixelType::from_bitpix(bitpix).ok_or_else(|| format!("{keyword} = {bitpix}: expected 8, 16, 32, 64, -32 or -64"))
}

/// What an HDU holds and how many bytes of data it has.
fn structure(header: &Header) -> Result<(Kind, u64), String> {
    let pixel_type = pixel_type(header, "BITPIX")?;
    let axes = axes(header, "NAXIS")?;
    let extension = header.text("XTENSION").ok().flatten().map(|name| name.trim().to_ascii_uppercase());
    let groups = extension.is_none() && axes.first() == Some(&0) && is_true(header, "GROUPS");

    let absurd = || "the lengths of the axes are absurd: the data would have more than 2^63 bytes".to_owned();
    let counted = axes.get(usize::from(groups)..).unwrap_or_default();
    let elements = counted.iter().try_fold(u64::from(!axes.is_empty()), |product, &length| product.checked_mul(length));
    let count = |keyword, default| match header.get(keyword) {
        Some(_) if groups || extension.is_some() => length(header, keyword),
        _ => Ok(default),
    };
    let (parameters, groups_count) = (count("PCOUNT", 0)?, count("GCOUNT", 1)?);
    let bytes = elements
        .and_then(|elements| elements.checked_add(parameters))
        .and_then(|elements| elements.checked_mul(groups_count))
        .and_then(|elements| elements.checked_mul(pixel_type.size() as u64))
        .filter(|&bytes| bytes <= i64::MAX as u64)
        .ok_or_else(absurd)?;

    let kind = match extension.as_deref() {
        _ if groups => Kind::Other("holds random groups, not an image".to_owned()),
        Some("BINTABLE" | "A3DTABLE") if is_true(header, "ZIMAGE") => tiled(header)?,
        Some("BINTABLE" | "A3DTABLE") => Kind::Table,
        Some("TABLE") => Kind::Other(A_TABLE.to_owned()),
        None | Some("IMAGE" | "IUEIMAGE") => image(&axes, pixel_type, "NAXIS", false),
        Some(other) => Kind::Other(format!("is an extension of type {other}, not an image")),
    };
    Ok((kind, bytes))
}

fn image(axes: &[u64], pixel_type: PixelType, stem: &str, tiled: bool) -> Kind {
    if let Some(axis) = axes.iter().position(|&length| length == 0) {
        return Kind::Other(format!("holds no pixels ({stem}{} = 0)", axis + 1));
    }
    match axes.len() {
        0 => Kind::Other(format!("holds no data ({stem} = 0)")),
        1 if tiled => Kind::Other(ONE_AXIS.to_owned()),
        1 => Kind::Row(Layout { shape: vec![1, axes[0] as usize], pixel_type, tiled }),
        _ => {
            let shape = axes.iter().rev().map(|&length| length as usize).collect();
            Kind::Image(Layout { shape, pixel_type, tiled })
        }
    }
}

/// A compressed image. What cfitsio would divide by or allocate unseen is checked here.
fn tiled(header: &Header) -> Result<Kind, String> {
    let method = header.text("ZCMPTYPE").map_err(|error| error.to_string())?.unwrap_or_default().to_owned();
    if !["RICE_1", "RICE_ONE", "GZIP_1", "GZIP_2", "PLIO_1", "HCOMPRESS_1", "NOCOMPRESS"].contains(&method.as_str()) {
        return Ok(Kind::Other(format!("is compressed in a way that is not known (ZCMPTYPE = {method:?})")));
    }
    let pixel_type = pixel_type(header, "ZBITPIX")?;
    if pixel_type == PixelType::I64 {
        let problem = "holds compressed 64-bit integers, which cfitsio cannot read: store it uncompressed";
        return Ok(Kind::Other(problem.to_owned()));
    }
    let axes = axes(header, "ZNAXIS")?;
    if axes.len() > 6 {
        return Ok(Kind::Other(format!("is compressed and has {} axes; cfitsio reads at most 6", axes.len())));
    }
    let too_large = |_| "the lengths of the compressed axes are absurd";
    axes.iter()
        .try_fold(8, |product: i64, &length| {
            i64::try_from(length).ok().and_then(|length| product.checked_mul(length)).ok_or(())
        })
        .map_err(too_large)?;
    let mut tile = 1_u64;
    for (index, &axis) in axes.iter().enumerate() {
        let keyword = format!("ZTILE{}", index + 1);
        let default = if index == 0 { axis } else { 1 };
        let size = if header.get(&keyword).is_some() { length(header, &keyword)? } else { default };
        tile = tile.saturating_mul(size);
        if size == 0 || tile > i32::MAX as u64 {
            return Err(format!("{keyword} = {size}: expected tiles of 1 to 2^31 pixels"));
        }
    }
    if method.starts_with("RICE") {
        let number = |keyword, default| -> Result<i64, String> {
            Ok(header.i64(keyword).map_err(|error| error.to_string())?.unwrap_or(default))
        };
        // Some old files have the two the other way round, or a third parameter instead of the second.
        let is_size = |size: i64| [1, 2, 4].contains(&size);
        let is_block = |block: i64| (1..=1024).contains(&block);
        let old = header.text("ZNAME2").is_ok_and(|name| name == Some("NOISEBIT"));
        let (block, size) = (number("ZVAL1", 32)?, if old { 4 } else { number("ZVAL2", 4)? });
        if !(is_block(block) && is_size(size) || is_block(size) && is_size(block)) {
            return Err(format!("ZVAL1 = {block}, ZVAL2 = {size}: expected block size and bytes per pixel of RICE_1"));
        }
    }
    Ok(image(&axes, pixel_type, "ZNAXIS", true))
}

/// The header that the image had before it was compressed.
fn uncompressed_header(header: &Header, number: usize, shape: &[usize], pixel_type: PixelType) -> Header {
    let mut cards = Header::new();
    if number == 0 {
        cards.set("SIMPLE", true, "");
    } else {
        cards.set("XTENSION", "IMAGE", "image extension");
    }
    cards.set("BITPIX", pixel_type.bitpix(), "");
    cards.set("NAXIS", shape.len() as i64, "");
    for (axis, &length) in (1..).zip(shape.iter().rev()) {
        cards.set(&format!("NAXIS{axis}"), length as i64, "");
    }
    cards.set("PCOUNT", 0, "");
    cards.set("GCOUNT", 1, "");
    for keyword in ["BSCALE", "BZERO", "BLANK"] {
        if let Some(value) = header.get(keyword) {
            cards.set(keyword, value.clone(), "");
        }
    }
    // Of integers, ZBLANK is the stored number that is missing, as BLANK is. Of quantised floats it is cfitsio's.
    if let (None, Some(blank), false) = (cards.get("BLANK"), header.get("ZBLANK"), pixel_type.is_float()) {
        cards.set("BLANK", blank.clone(), "");
    }
    cards.append(header.filtered(|keyword| !is_structural(keyword) && !is_column(keyword)));
    // The name that compressors give to what was the primary HDU.
    if cards.text("EXTNAME").ok().flatten() == Some("COMPRESSED_IMAGE") {
        cards.remove("EXTNAME");
    }
    cards
}

fn scaling(header: &Header, pixel_type: PixelType) -> Result<Scaling, String> {
    let number = |keyword, default| match header.f64(keyword) {
        Ok(value) => Ok(value.unwrap_or(default)),
        Err(error) => Err(error.to_string()),
    };
    let (scale, zero) = (number("BSCALE", 1.0)?, number("BZERO", 0.0)?);
    if scale == 0.0 {
        return Err("BSCALE = 0: every pixel would have the same value".to_owned());
    }
    let blank = if pixel_type.is_float() { None } else { header.i64("BLANK").map_err(|error| error.to_string())? };
    Ok(Scaling { scale, zero, blank })
}
