//! Tile-compressed images: where their tiles are, and what must hold of a part of one before cfitsio may see it.
//!
//! An image is decoded in parts: some of its tiles, which follow each other in the table. Of each part a FITS file is put together in memory
//! that holds these tiles and nothing else, as a smaller image.
//!
//! cfitsio 3.49 believes what headers say of a table, and what `HCOMPRESS_1` and `PLIO_1` streams say of themselves: damaged ones make it read
//! and write outside its memory. (RICE and gzip streams it checks.) So the header of the part is written anew from what was checked here.

use std::ops::Range;

use super::{
    FitsImage,
    blocks::{Block, BlockGrid},
    file::Data,
};
use crate::{
    Error, PixelType,
    header::{Header, Value, is_numbered, is_tiling},
};

/// Random numbers that cfitsio dithers with; a tile begins at one of them.
const DITHERS: i64 = 10_000;

/// Rows of pixels of which a block is made at least, if tiles are rows.
const BLOCK_ROWS: usize = 64;
/// Pixels above which a block of tiles has only a part of the image's columns.
const WIDE: usize = 1 << 19;
/// Pixels above which a block is never dropped while its image is in use.
const LARGE: usize = 1 << 22;

/// How an image is compressed: the tiles, and the table that they are in.
#[derive(Debug)]
pub(super) struct Tiling {
    /// The cards of the table's header that describe compression and columns, each keyword once.
    cards: Header,
    method: String,
    row_bytes: usize,
    /// Rows of the table: a tile each.
    tiles: usize,
    fields: usize,
    /// Where the heap begins in the data of the table, and how long the data is.
    heap: u64,
    bytes: u64,
    columns: Vec<StreamColumn>,
    /// Lengths of the image and of a tile, first axis first.
    axes: Vec<(usize, usize)>,
    /// `ZDITHER0`.
    dither: i64,
}

/// A column of descriptors of streams, which are in the heap.
#[derive(Clone, Copy, Debug)]
struct StreamColumn {
    /// Where in a row the descriptor is.
    at: usize,
    /// Of 64-bit numbers (`Q`) rather than 32-bit ones (`P`).
    wide: bool,
    /// Bytes of an element of a stream.
    element: usize,
    content: Content,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    /// What the method has made of the tile.
    Compressed,
    /// The pixels of a tile that could not be quantised, in gzip's format.
    Gzipped,
    /// The pixels of such a tile as they are.
    Uncompressed,
    /// Nothing of the image.
    Other,
}

/// A stream of a part.
struct Stream {
    tile: usize,
    column: StreamColumn,
    /// Where its descriptor is in the rows of the part.
    cell: usize,
    /// Elements.
    count: usize,
    /// Place and bytes in the data of the table.
    begin: u64,
    bytes: usize,
}

/// Some tiles of an image that follow each other in the table and make up an image of their own.
pub(super) struct Part {
    /// Where it begins in the image.
    pub(super) plane: usize,
    pub(super) y: usize,
    tiles: Range<usize>,
    /// Lengths of its axes, first axis first.
    lengths: Vec<usize>,
}

impl Part {
    /// Rows of a plane.
    pub(super) fn height(&self) -> usize {
        self.lengths.get(1).copied().unwrap_or(1)
    }

    /// Rows of all planes together.
    pub(super) fn rows(&self) -> usize {
        self.lengths.iter().skip(1).product()
    }
}

fn damaged(image: &FitsImage, problem: &str) -> Error {
    image.wrong(format!("corrupt compressed data: {problem}"))
}

fn number<N: TryFrom<i64>>(header: &Header, keyword: &str) -> Option<N> {
    header.i64(keyword).ok()?.and_then(|number| number.try_into().ok())
}

impl Tiling {
    /// From the header of the table.
    pub(super) fn new(header: &Header, shape: &[usize]) -> Result<Tiling, String> {
        let problem = "corrupt compressed data: the table of tiles contradicts itself";
        Tiling::consistent(header, shape).ok_or_else(|| problem.to_owned())
    }

    fn consistent(header: &Header, shape: &[usize]) -> Option<Tiling> {
        let method = header.text("ZCMPTYPE").ok()??.to_owned();
        let (row_bytes, tiles) = (number::<usize>(header, "NAXIS1")?, number::<usize>(header, "NAXIS2")?);
        let fixed = (row_bytes as u64).checked_mul(tiles as u64)?;
        let heap = if header.get("THEAP").is_some() { number(header, "THEAP")? } else { fixed };
        let bytes = fixed.checked_add(number(header, "PCOUNT")?)?;
        let axes = shape.iter().rev().enumerate().map(|(index, &length)| {
            let default = if index == 0 { length } else { 1 };
            (length, number(header, &format!("ZTILE{}", index + 1)).unwrap_or(default).max(1))
        });
        let axes: Vec<(usize, usize)> = axes.collect();
        let expected = axes.iter().try_fold(1_usize, |all, (length, tile)| all.checked_mul(length.div_ceil(*tile)))?;
        let (columns, end, fields) = stream_columns(header, &method)?;
        let within = end == row_bytes && heap >= fixed && heap <= bytes && tiles == expected;
        let mut cards = Header::new();
        let wanted = |keyword: &str| {
            let is_column = is_numbered(keyword, "TTYPE") || is_numbered(keyword, "TFORM");
            is_column || is_tiling(keyword) || matches!(keyword, "BLANK" | "BZERO")
        };
        for (keyword, value, _) in header.cards() {
            if wanted(keyword) && *value != Value::Undefined && cards.get(keyword).is_none() {
                cards.set(keyword, value.clone(), "");
            }
        }
        let dither = number(header, "ZDITHER0").unwrap_or(1);
        within.then_some(Tiling { cards, method, row_bytes, tiles, fields, heap, bytes, columns, axes, dither })
    }

    /// Bytes of the data of the table.
    #[cfg(feature = "gzip")]
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn axis(&self, index: usize) -> (usize, usize) {
        self.axes.get(index).copied().unwrap_or((1, 1))
    }

    /// Planes of a tile.
    fn depth(&self) -> usize {
        let (planes, depth) = self.axis(2);
        depth.min(planes)
    }

    /// Whether the planes of a block of whole tiles follow each other in the image.
    fn is_regular(&self) -> bool {
        let planes = self.axis(2).0;
        let others = || self.axes.iter().skip(3);
        let flat = others().all(|(length, tile)| *length == 1 || *tile == 1);
        flat && (planes.is_multiple_of(self.depth()) || others().all(|(length, _)| *length == 1))
    }

    /// How the image is cut into blocks that can be decoded by themselves.
    pub(super) fn grid(&self, pixel_type: PixelType) -> BlockGrid {
        let [(nx, tile_nx), (ny, tile_ny)] = [self.axis(0), self.axis(1)];
        let planes = self.axes.iter().skip(2).map(|(length, _)| length).product();
        let (tile_nx, tile_ny) = (tile_nx.min(nx), tile_ny.min(ny));
        let mut block = [planes, ny, nx];
        if self.is_regular() {
            let depth = self.depth();
            let rows = if depth > 1 { tile_ny } else { BLOCK_ROWS.max(tile_ny).next_multiple_of(tile_ny).min(ny) };
            let narrow = rows == tile_ny && depth == 1 && rows * nx > WIDE;
            let columns = if narrow { (WIDE / rows).max(tile_nx).next_multiple_of(tile_nx).min(nx) } else { nx };
            block = [depth, rows, columns];
        }
        let pixels: usize = block.iter().product();
        // Streams, a strip of numbers, and what cfitsio keeps: a row of tiles, and of one tile what it is made from.
        let (row, tile) = (block[0] * tile_ny * block[2], block[0] * tile_ny * tile_nx);
        let numbers = pixels.saturating_add(row.saturating_mul(2)).saturating_add(tile.saturating_mul(4));
        let scratch = numbers.saturating_mul(pixel_type.size()).saturating_add(1 << 18);
        BlockGrid { shape: [planes, ny, nx], block, keep: pixels > LARGE, scratch }
    }

    /// The parts in which a block, which is one of the grid or the whole image, is decoded.
    pub(super) fn parts(&self, block: &Block) -> Vec<Part> {
        if !self.is_regular() {
            let lengths = self.axes.iter().map(|(length, _)| *length).collect();
            return vec![Part { plane: 0, y: 0, tiles: 0..self.tiles, lengths }];
        }
        let [(nx, tile_nx), (ny, tile_ny), (nz, _)] = [0, 1, 2].map(|axis| self.axis(axis));
        let (depth, window) = (self.depth(), block.window);
        let [across, down, layers] = [nx.div_ceil(tile_nx), ny.div_ceil(tile_ny), nz.div_ceil(depth)];
        let width = window.nx.div_ceil(tile_nx);
        let tall = if depth > 1 || width < across { tile_ny } else { BLOCK_ROWS.next_multiple_of(tile_ny) };
        let mut parts = Vec::new();
        let mut plane = block.planes.start;
        while plane < block.planes.end {
            let deep = depth.min(nz - plane % nz);
            let layer = plane / nz * layers + plane % nz / depth;
            for y in (window.y0..window.y0 + window.ny).step_by(tall) {
                let height = tall.min(window.y0 + window.ny - y);
                let first = (layer * down + y / tile_ny) * across + window.x0 / tile_nx;
                let mut lengths = vec![window.nx, height, deep];
                lengths.resize(self.axes.len(), 1);
                parts.push(Part { plane, y, tiles: first..first + width * height.div_ceil(tile_ny), lengths });
            }
            plane += deep;
        }
        parts
    }

    /// Rows of a part that are decoded together, so that no tile is decoded twice.
    pub(super) fn strip(&self, part: &Part) -> usize {
        if part.height() != part.rows() {
            return part.rows();
        }
        let nx = part.lengths.first().copied().unwrap_or(1);
        (1_usize << 15).div_ceil(nx.max(1)).next_multiple_of(self.axis(1).1).min(part.rows())
    }

    /// A FITS file with a part of the image as HDU 1, safe to decode.
    pub(super) fn file(&self, image: &FitsImage, data: &Data<'_>, part: &Part) -> Result<Vec<u8>, Error> {
        let too_large = |_| image.wrong("has tiles too large for the memory");
        let mut rows = Vec::new();
        rows.try_reserve_exact(part.tiles.len() * self.row_bytes).map_err(too_large)?;
        rows.resize(part.tiles.len() * self.row_bytes, 0);
        image.read_data(data, &mut rows, part.tiles.start as u64 * self.row_bytes as u64)?;
        let mut streams = self.streams(image, part, &mut rows)?;
        streams.sort_by_key(|stream| stream.begin);
        let pieces = pieces(&streams);
        let bytes: usize = pieces.iter().map(|piece| piece.bytes).sum();
        let mut heap = Vec::new();
        heap.try_reserve_exact(bytes).map_err(too_large)?;
        heap.resize(bytes, 0);
        for piece in &pieces {
            if let Some(to) = heap.get_mut(piece.to..piece.to + piece.bytes) {
                image.read_data(data, to, piece.begin)?;
            }
        }
        let mut room = 0;
        for stream in &streams {
            let wrong = |problem: &str| damaged(image, &format!("tile {}: {problem}", stream.tile));
            let piece = pieces.partition_point(|piece| piece.begin <= stream.begin).checked_sub(1);
            let place =
                piece.and_then(|index| pieces.get(index)).map(|piece| piece.to + (stream.begin - piece.begin) as usize);
            let found = place.and_then(|place| Some((place, heap.get(place..)?.get(..stream.bytes)?)));
            let (place, bytes) = found.ok_or_else(|| wrong("outside the table"))?;
            let more = self.check(image.pixel_type, stream, bytes).map_err(wrong)?;
            room = room.max(more);
            stream
                .column
                .describe(&mut rows, stream.cell, stream.count.saturating_add(more), place)
                .ok_or_else(|| wrong("too large"))?;
        }
        let mut file = primary().to_records();
        file.extend(self.header(part, heap.len() + room).to_records());
        file.extend(rows);
        file.extend(heap);
        // A damaged stream is read beyond its end: up to `room` bytes, into other tiles or these zeros.
        file.resize((file.len() + room).next_multiple_of(crate::header::BLOCK), 0);
        Ok(file)
    }

    /// The streams of a part that hold pixels; descriptors of others are cleared.
    fn streams(&self, image: &FitsImage, part: &Part, rows: &mut [u8]) -> Result<Vec<Stream>, Error> {
        let mut streams = Vec::new();
        for (row, tile) in part.tiles.clone().enumerate() {
            let wrong = |problem: &str| damaged(image, &format!("tile {tile}: {problem}"));
            for column in &self.columns {
                let cell = row * self.row_bytes + column.at;
                let descriptor =
                    if column.content == Content::Other { Some((0, 0)) } else { column.descriptor(rows, cell) };
                let (count, first) = descriptor.ok_or_else(|| wrong("no such place in the table"))?;
                if count == 0 {
                    // The tile is in another column.
                    column.describe(rows, cell, 0, 0).ok_or_else(|| wrong("no such place in the table"))?;
                    continue;
                }
                let begin = self.heap.checked_add(first).ok_or_else(|| wrong("outside the table"))?;
                let bytes = count.checked_mul(column.element).ok_or_else(|| wrong("outside the table"))?;
                if begin.checked_add(bytes as u64).is_none_or(|end| end > self.bytes) {
                    return Err(wrong("outside the table"));
                }
                streams.push(Stream { tile, column: *column, cell, count, begin, bytes });
            }
        }
        Ok(streams)
    }

    /// Checks a stream, and tells how many elements more than it has could be read of it, were it damaged.
    fn check(&self, pixel_type: PixelType, stream: &Stream, bytes: &[u8]) -> Result<usize, &'static str> {
        match (stream.column.content, &*self.method) {
            (Content::Compressed, "PLIO_1") => {
                check_plio(bytes).ok_or("not a PLIO line list")?;
                Ok(0)
            }
            (Content::Compressed, "HCOMPRESS_1") => {
                let room = hcompress_room(bytes, self.tile_pixels(stream.tile), pixel_type);
                room.ok_or("not an HCOMPRESS stream of its size")
            }
            // cfitsio makes room for a tile and reads as many numbers as there are.
            (Content::Uncompressed, _) if stream.count != self.tile_pixels(stream.tile) => Err("not of its size"),
            _ => Ok(0),
        }
    }

    /// Pixels of a tile: fewer at the far edges of the image. Tiles are counted as pixels are, the first axis fastest.
    fn tile_pixels(&self, tile: usize) -> usize {
        let mut rest = tile;
        let sides = self.axes.iter().map(|(length, size)| {
            let tiles = length.div_ceil(*size).max(1);
            let begin = (rest % tiles).saturating_mul(*size);
            rest /= tiles;
            (*size).min(length.saturating_sub(begin))
        });
        sides.fold(1, usize::saturating_mul)
    }

    /// What describes the table of a part and its image.
    fn header(&self, part: &Part, heap_bytes: usize) -> Header {
        let mut cards = Header::new();
        cards.set("XTENSION", "BINTABLE", "");
        let rows = part.tiles.len();
        for (keyword, number) in [
            ("BITPIX", 8),
            ("NAXIS", 2),
            ("NAXIS1", self.row_bytes),
            ("NAXIS2", rows),
            ("PCOUNT", heap_bytes),
            ("GCOUNT", 1),
            ("TFIELDS", self.fields),
            ("THEAP", rows * self.row_bytes),
        ] {
            cards.set(keyword, number as i64, "");
        }
        cards.append(self.cards.clone());
        for (axis, length) in (1..).zip(&part.lengths) {
            cards.set(&format!("ZNAXIS{axis}"), *length as i64, "");
        }
        // Tile number n of a file is dithered from number (n - 1 + ZDITHER0 - 1) modulo 10,000 of the random numbers.
        let first = part.tiles.start as i64 % DITHERS;
        cards.set("ZDITHER0", ((self.dither % DITHERS) - 1 + first).rem_euclid(DITHERS) + 1, "");
        cards
    }
}

/// The columns of descriptors, the bytes of a row, and the number of columns.
fn stream_columns(header: &Header, method: &str) -> Option<(Vec<StreamColumn>, usize, usize)> {
    let fields = number::<usize>(header, "TFIELDS").filter(|fields| (1..=999).contains(fields))?;
    let mut columns: Vec<StreamColumn> = Vec::new();
    let mut end = 0_usize;
    for index in 1..=fields {
        let form = header.text(&format!("TFORM{index}")).ok()??.trim();
        let digits = form.bytes().take_while(u8::is_ascii_digit).count();
        let (repeat, code) = form.split_at_checked(digits)?;
        let repeat = if repeat.is_empty() { 1 } else { repeat.parse::<usize>().ok()? };
        let mut letters = code.chars();
        let (letter, element) = (letters.next()?, letters.next());
        let name = header.text(&format!("TTYPE{index}")).ok().flatten().unwrap_or_default();
        let content = match name.trim().to_ascii_uppercase().as_str() {
            "COMPRESSED_DATA" => Content::Compressed,
            "GZIP_COMPRESSED_DATA" => Content::Gzipped,
            "UNCOMPRESSED_DATA" => Content::Uncompressed,
            _ => Content::Other,
        };
        // cfitsio takes the first of that name.
        let first = content != Content::Other && !columns.iter().any(|column| column.content == content);
        let element = match (content, element, method) {
            _ if !first => 1,
            (Content::Compressed, Some('I'), "PLIO_1") => 2,
            (Content::Compressed, Some('B'), method) if method != "PLIO_1" => 1,
            (Content::Gzipped, Some('B'), _) => 1,
            (Content::Uncompressed, Some('B'), _) => 1,
            (Content::Uncompressed, Some('I'), _) => 2,
            (Content::Uncompressed, Some('J' | 'E'), _) => 4,
            (Content::Uncompressed, Some('K' | 'D'), _) => 8,
            _ => return None,
        };
        let content = if first { content } else { Content::Other };
        match (letter, repeat) {
            ('P' | 'Q', 1) => columns.push(StreamColumn { at: end, wide: letter == 'Q', element, content }),
            _ if first => return None,
            _ => {}
        }
        let width = match letter {
            'L' | 'B' | 'A' => repeat,
            'X' => repeat.div_ceil(8),
            'I' => repeat.checked_mul(2)?,
            'J' | 'E' => repeat.checked_mul(4)?,
            'K' | 'D' | 'C' | 'P' => repeat.checked_mul(8)?,
            'M' | 'Q' => repeat.checked_mul(16)?,
            _ => return None,
        };
        end = end.checked_add(width)?;
    }
    let any = columns.iter().any(|column| column.content == Content::Compressed);
    any.then_some((columns, end, fields))
}

impl StreamColumn {
    /// Elements of a stream, and where it begins in the heap.
    fn descriptor(&self, rows: &[u8], cell: usize) -> Option<(usize, u64)> {
        let bytes = rows.get(cell..)?;
        if self.wide {
            let ([count, first, ..], _) = bytes.as_chunks() else { return None };
            Some((i64::from_be_bytes(*count).try_into().ok()?, i64::from_be_bytes(*first).try_into().ok()?))
        } else {
            let ([count, first, ..], _) = bytes.as_chunks() else { return None };
            Some((i32::from_be_bytes(*count).try_into().ok()?, i32::from_be_bytes(*first).try_into().ok()?))
        }
    }

    fn describe(&self, rows: &mut [u8], cell: usize, count: usize, first: usize) -> Option<()> {
        let bytes = rows.get_mut(cell..)?;
        if self.wide {
            let numbers = [i64::try_from(count).ok()?.to_be_bytes(), i64::try_from(first).ok()?.to_be_bytes()];
            bytes.get_mut(..16)?.copy_from_slice(numbers.as_flattened());
        } else {
            let numbers = [i32::try_from(count).ok()?.to_be_bytes(), i32::try_from(first).ok()?.to_be_bytes()];
            bytes.get_mut(..8)?.copy_from_slice(numbers.as_flattened());
        }
        Some(())
    }
}

/// A piece of the heap that is read at once.
struct Piece {
    begin: u64,
    bytes: usize,
    /// Where it goes.
    to: usize,
}

/// Streams, in the order of their places, taken together where they follow each other.
fn pieces(streams: &[Stream]) -> Vec<Piece> {
    /// Reading as much as this for nothing takes no longer than reading twice.
    const GAP: u64 = 4096;
    let mut pieces: Vec<Piece> = Vec::new();
    for stream in streams {
        let end = stream.begin + stream.bytes as u64;
        match pieces.last_mut() {
            Some(last) if stream.begin <= last.begin + last.bytes as u64 + GAP => {
                last.bytes = last.bytes.max((end - last.begin) as usize);
            }
            last => {
                let to = last.map_or(0, |last| last.to + last.bytes);
                pieces.push(Piece { begin: stream.begin, bytes: stream.bytes, to });
            }
        }
    }
    pieces
}

fn primary() -> Header {
    let mut header = Header::new();
    header.set("SIMPLE", true, "");
    header.set("BITPIX", 8, "");
    header.set("NAXIS", 0, "");
    header.set("EXTEND", true, "");
    header
}

/// A PLIO line list says how long it is and where it begins; both must be within the stream. The instructions
/// themselves cfitsio checks against the tile, but the one that takes two words must not be the last.
fn check_plio(stream: &[u8]) -> Option<()> {
    let words = stream.as_chunks().0;
    let word = |index: usize| words.get(index).map(|word| i64::from(i16::from_be_bytes(*word)));
    let (length, first) = match word(2)? {
        short if short > 0 => (short, 4),
        _ => ((word(4)? << 15) + word(3)?, word(1)? + 1),
    };
    let length = usize::try_from(length).ok()?;
    let first = usize::try_from(first).ok()?;
    let sets_high = length.checked_sub(1).and_then(word).is_some_and(|last| last / 4096 == 1);
    (length <= words.len() && first >= 1 && !(sets_high && length == words.len())).then_some(())
}

/// Checks that an HCOMPRESS stream is of an image with this many pixels, and tells how many bytes more than it has
/// could be read of it, were it damaged.
fn hcompress_room(stream: &[u8], pixels: usize, pixel_type: PixelType) -> Option<usize> {
    // Magic number, size, scale, sum of the pixels, bit planes of the three kinds of quadrants.
    let head = stream.get(..25)?;
    let word = |at: usize| Some(i32::from_be_bytes(head.get(at..at + 4)?.try_into().ok()?));
    let (nx, ny) = (usize::try_from(word(2)?).ok()?, usize::try_from(word(6)?).ok()?);
    let planes = usize::from(*head.get(22..25)?.iter().max()?);
    let most = if matches!(pixel_type, PixelType::U8 | PixelType::I16) { 31 } else { 62 };
    if !head.starts_with(&[0xdd, 0x99]) || pixels == 0 || nx.checked_mul(ny)? != pixels || planes > most {
        return None;
    }
    // A bit plane takes at most a code of 6 bits for each node of a quadtree: narrow quadrants have as many nodes as
    // pixels. 12 bits a pixel are more than that; signs and the ends of codes come on top.
    let bits = pixels.checked_mul(12)?.checked_add(512)?.checked_mul(planes + 1)?;
    Some(bits / 8)
}
