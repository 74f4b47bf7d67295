//! The tiles of a tile-compressed image, and what must hold of them before cfitsio may see them.
//!
//! An image is decoded in parts: some of its tiles, which follow each other in the table. Of each part a FITS file is put together in memory
//! that holds these tiles and nothing else, as a smaller image.
//!
//! cfitsio 3.49 believes what headers say of a table, and what `HCOMPRESS_1` and `PLIO_1` streams say of themselves: damaged ones make it read
//! and write outside its memory. (RICE and gzip streams it checks.) So the header of the part is written anew from what was checked here.

use super::{
    data::Data,
    image::FitsImage,
    tiling::{Content, Part, StreamColumn, Tiling},
};
use crate::{
    Error, PixelType,
    header::{BLOCK, Header, primary_without_image},
};

/// Random numbers that cfitsio dithers with; a tile begins at one of them.
const DITHERS: i64 = 10_000;

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

fn damaged(image: &FitsImage, problem: &str) -> Error {
    image.wrong(format!("corrupt compressed data: {problem}"))
}

impl Tiling {
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
        let mut file = primary_without_image().to_records();
        file.extend(self.header(part, heap.len() + room).to_records());
        file.extend(rows);
        file.extend(heap);
        // A damaged stream is read beyond its end: up to `room` bytes, into other tiles or these zeros.
        file.resize((file.len() + room).next_multiple_of(BLOCK), 0);
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
